import { parseArgs } from 'node:util';
import { messageOf } from '../../lib/event/errors';
import { silenceTimerWarning } from '../../lib/kafka/timer-warning';
import { startKafka, type KafkaCluster } from '../../local/kafka/cluster';
import { CASES, warmUp, type CaseResult, type ConformanceCase } from './cases';
import type { Client, OpenClient } from './client';
import { bareKafkajs } from './clients/bare-kafkajs';
import { kafkajs } from './clients/kafkajs';
import { platformatic } from './clients/platformatic';
import { isSound } from './judge';

const CLIENTS: readonly Client[] = [kafkajs, platformatic, bareKafkajs];
const DEFAULT_RECORDS = 300_000;
const REQUEST_TIMEOUT_MS = 1_500;

const USAGE = `npm run check-client -- [CLIENT …] [--case NAME …] [--records ${DEFAULT_RECORDS}]
  clients: ${CLIENTS.map(({ name, isControl }) => (isControl ? `${name} (a control, which must fail)` : name)).join(', ')}
  cases:   ${CASES.map(({ name }) => name).join(', ')}`;

interface Options {
  readonly clients: readonly Client[];
  readonly cases: readonly ConformanceCase[];
  readonly records: number;
}

function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { case: { type: 'string', multiple: true }, records: { type: 'string' } },
  });
  const records = Number(values.records ?? DEFAULT_RECORDS);
  if (!Number.isSafeInteger(records) || records < 1) throw new RangeError('--records must be a positive integer.');
  return {
    clients: positionals.length === 0 ? CLIENTS : positionals.map((name) => named('client', CLIENTS, name)),
    cases: values.case === undefined ? CASES : values.case.map((name) => named('case', CASES, name)),
    records,
  };
}

function named<T extends { readonly name: string }>(kind: string, all: readonly T[], name: string): T {
  const found = all.find((each) => each.name === name);
  if (found === undefined) {
    throw new RangeError(`There is no ${kind} "${name}"; there are ${all.map((each) => each.name).join(', ')}.`);
  }
  return found;
}

async function runCase(
  client: Client,
  each: ConformanceCase,
  cluster: KafkaCluster,
  records: number,
): Promise<CaseResult> {
  const opened: OpenClient[] = [];
  try {
    return await each.run({
      ...{ cluster, records, isControl: client.isControl },
      open(compression = 'none') {
        const options = { brokers: cluster.brokers, requestTimeoutMs: REQUEST_TIMEOUT_MS, onRebuilt: () => undefined };
        const open = client.open({ ...options, compression });
        opened.push(open);
        return open;
      },
    });
  } catch (error) {
    return { faults: [messageOf(error)] };
  } finally {
    await Promise.all(opened.map((open) => open.close().catch(() => undefined)));
  }
}

function lineOf({ verdict, outages, faults }: CaseResult): string {
  if (verdict === undefined) return faults.length === 0 ? 'as expected' : faults.join('; ');
  const { acknowledged, lost, misplaced, reordered, duplicates } = verdict;
  return [
    `${acknowledged.toLocaleString('en-US')} acknowledged`,
    `${lost.length} lost`,
    `${reordered.length} reordered`,
    `${misplaced.length} at another offset`,
    `${duplicates} duplicates`,
    `${outages ?? 0} batches failed`,
    ...faults,
  ].join(', ');
}

const isPassed = ({ verdict, faults }: CaseResult): boolean =>
  faults.length === 0 && (verdict === undefined || isSound(verdict));

/** Runs the cases with a client on brokers of its own. A control runs only those that it is known to fail. */
async function check(client: Client, { cases, records }: Options): Promise<boolean> {
  const chosen = client.isControl ? cases.filter(({ catchesControls }) => catchesControls) : cases;
  if (chosen.length === 0) return true;
  console.log(`\n${client.name}${client.isControl ? ' (a control: it must fail)' : ''}`);
  const cluster = await startKafka({ nodes: 3 });
  let isGood = true;
  try {
    const options = { brokers: cluster.brokers, requestTimeoutMs: REQUEST_TIMEOUT_MS, onRebuilt: () => undefined };
    await warmUp(cluster, kafkajs.open({ ...options, compression: 'none' }));
    for (const each of chosen) {
      const startedAt = performance.now();
      const result = await runCase(client, each, cluster, records);
      const isExpected = isPassed(result) !== client.isControl;
      isGood &&= isExpected;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
      console.log(`  ${isExpected ? '✔' : '✘'} ${each.name}: ${each.title} (${seconds} s)\n      ${lineOf(result)}`);
    }
  } finally {
    await cluster.stop();
  }
  return isGood;
}

async function main(): Promise<number> {
  silenceTimerWarning();
  let options: Options;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  let isGood = true;
  for (const client of options.clients) isGood = (await check(client, options)) && isGood;
  return isGood ? 0 : 1;
}

void main().then((code) => process.exit(code));
