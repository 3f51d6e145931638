import { join } from 'node:path';
import { ROOT, newLogFolder } from '../../local/folders';
import { startKafka } from '../../local/kafka/cluster';
import { measureCrash, measureDrain } from '../delivery/measure-drain';
import { measureMinIsr, measureOutage, measurePoison } from '../delivery/measure-faults';
import { measureLadder } from '../delivery/measure-ladder';
import { parseDeliveryOptions } from '../delivery/options';
import { ours } from '../delivery/ours';
import { relayAlone } from '../delivery/relay-alone';
import { attempt, runDelivery } from '../delivery/run';
import type { Subject } from '../delivery/subject';
import { loadAverage } from '../delivery/usage';
import { machine } from '../machine';
import { tell, type Undo } from '../main';
import { printed, writeSections } from '../written-section';
import { debezium } from './debezium';
import { connectJars, nodePackages } from './packages';
import { pgTransactionalOutbox } from './pg-transactional-outbox';
import { startPostgres } from './postgres';
import { peersSections, type PeerReport, type PeersReport } from './report';

/** The order is that of a round. */
const PARTS = ['drain', 'crash', 'ladder', 'outage', 'poison', 'min-isr'] as const;
type Part = (typeof PARTS)[number];

const RATES = [100, 200, 400, 800, 1_200, 1_600, 2_400, 3_200] as const;
const OUTAGE_MS = 30_000;
const POISON_EVENTS = 2_000;
const POISON_LIMIT_MS = 60_000;
/** The relay parks the keys of an unavailable partition after a minute. */
const SICK_MS = 180_000;
const PAGE = join(ROOT, 'docs', 'peers.md');

type Mutable = { -readonly [K in keyof PeerReport]: PeerReport[K] };

async function bench(undo: Undo[]): Promise<void> {
  const options = parseDeliveryOptions(process.argv.slice(2), 'bench:peers', PARTS, {
    ...{ events: 100_000, rounds: 3, seconds: 15 },
  });
  const logFolder = newLogFolder();
  tell(`logs: ${logFolder}`);
  const [jars, packages] = await Promise.all([connectJars(), nodePackages()]);
  const postgres = await startPostgres(logFolder);
  undo.push(() => postgres.stop());
  const folders = { jars, packages, logFolder };
  const own = await ours({ logFolder });
  undo.push(() => own.close());
  const alone = await relayAlone(own);
  undo.push(() => alone.close());
  const all: readonly Subject[] = [
    own,
    alone,
    debezium(postgres, folders),
    pgTransactionalOutbox(postgres, folders, 'replication'),
    pgTransactionalOutbox(postgres, folders, 'replication-by-key'),
    pgTransactionalOutbox(postgres, folders, 'polling'),
  ];
  const { subjects: wanted } = options;
  const subjects = all.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
  const reports = new Map(subjects.map((subject) => [subject, emptyReport(subject)]));
  const loadAverages = [loadAverage()];
  await measureOnOneBroker(options, reports, logFolder, loadAverages);
  if (options.parts.includes('min-isr')) await measureOnThreeBrokers(reports, logFolder);
  loadAverages.push(loadAverage());
  const report: PeersReport = {
    machine: machine(),
    measuredAt: new Date().toISOString().slice(0, 10),
    options: { events: options.events, rounds: options.rounds, seconds: options.seconds },
    loadAverages,
    subjects: [...reports.values()],
  };
  const sections = peersSections(report);
  console.log(options.json ? JSON.stringify(report) : printed(sections));
  if (options.write) writeSections(PAGE, sections);
}

const emptyReport = ({ name, versions, isDrainOnly }: Subject): Mutable => ({
  ...{ name, versions, isDrainOnly },
  ...{ drains: [], crashes: [] },
});

async function measureOnOneBroker(
  { parts, events, rounds, seconds }: ReturnType<typeof parseDeliveryOptions<Part>>,
  reports: ReadonlyMap<Subject, Mutable>,
  logFolder: string,
  loadAverages: number[],
): Promise<void> {
  const kafka = await startKafka({ logFolder });
  const { brokers } = kafka;
  try {
    for (let round = 0; round < rounds; round++) {
      loadAverages.push(loadAverage());
      for (const [subject, report] of reports) {
        const backlog = Math.round(events * (subject.backlogShare ?? 1));
        const step = `round ${round + 1}, ${subject.name}`;
        const drain = { brokers, topic: topicOf('drain', subject, reports), events: backlog };
        if (parts.includes('drain')) {
          const result = await attempt(`${step}: drain`, () => measureDrain(subject, drain));
          report.drains = [...report.drains, result];
        }
        if (parts.includes('crash') && subject.isDrainOnly !== true) {
          const result = await attempt(`${step}: SIGKILL`, () =>
            measureCrash(subject, { ...drain, topic: topicOf('crash', subject, reports) }),
          );
          report.crashes = [...report.crashes, result];
        }
      }
    }
    for (const [subject, report] of reports) {
      const { name } = subject;
      if (subject.isDrainOnly) continue;
      if (parts.includes('ladder')) {
        const ladder = { brokers, topic: topicOf('ladder', subject, reports), rates: RATES, seconds };
        report.ladder = await attempt(`${name}: ladder`, () => measureLadder(subject, ladder));
      }
      if (parts.includes('outage')) {
        report.outage = await attempt(`${name}: outage`, () =>
          measureOutage(subject, kafka, topicOf('outage', subject, reports), OUTAGE_MS),
        );
      }
      if (parts.includes('poison')) {
        report.poison = await attempt(`${name}: poison`, () =>
          measurePoison(subject, brokers, topicOf('poison', subject, reports), POISON_EVENTS, POISON_LIMIT_MS),
        );
      }
    }
  } finally {
    await kafka.stop();
  }
}

/** Each has topics of its own. */
const topicOf = (part: Part, subject: Subject, reports: ReadonlyMap<Subject, unknown>): string =>
  `${part}-${[...reports.keys()].indexOf(subject)}`;

async function measureOnThreeBrokers(reports: ReadonlyMap<Subject, Mutable>, logFolder: string): Promise<void> {
  for (const [subject, report] of reports) {
    if (subject.isDrainOnly) continue;
    // A cluster of its own for each: the fault leaves its traces.
    const kafka = await startKafka({ nodes: 3, logFolder });
    try {
      report.minIsr = await attempt(`${subject.name}: one topic below its minimum of in-sync replicas`, () =>
        measureMinIsr(subject, kafka, { healthy: 'healthy', sick: 'sick' }, SICK_MS),
      );
    } finally {
      await kafka.stop();
    }
  }
}

void runDelivery(bench);
