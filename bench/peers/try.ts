import { newLogFolder } from '../../local/folders';
import { startKafka } from '../../local/kafka/cluster';
import { measureCrash, measureDrain } from '../delivery/measure-drain';
import { debezium } from './debezium';
import { pgTransactionalOutbox } from './pg-transactional-outbox';
import { connectJars, nodePackages } from './packages';
import { startPostgres } from './postgres';
import { interruptAll } from '../../local/supervised-process';
import { silenceTimerWarning } from '../../lib/kafka/timer-warning';
async function main() {
  silenceTimerWarning();
  const logFolder = newLogFolder();
  console.log(logFolder);
  const [jars, packages] = await Promise.all([connectJars(), nodePackages()]);
  const kafka = await startKafka({ logFolder });
  const postgres = await startPostgres(logFolder);
  const folders = { jars, packages, logFolder };
  const which = process.argv[2] ?? '';
  for (const subject of [
    debezium(postgres, folders),
    pgTransactionalOutbox(postgres, folders, 'replication'),
    pgTransactionalOutbox(postgres, folders, 'replication-by-key'),
    pgTransactionalOutbox(postgres, folders, 'polling'),
  ].filter(({ name }) => name.includes(which))) {
    console.log(subject.name, subject.versions);
    const events = Number(process.argv[3] ?? 20000) * (subject.backlogShare ?? 1);
    console.log(await measureDrain(subject, { brokers: kafka.brokers, topic: 'drain', events }));
    console.log(await measureCrash(subject, { brokers: kafka.brokers, topic: 'crash', events }));
  }
  await postgres.stop();
  await kafka.stop();
}
main().catch((e) => { console.error(e); interruptAll(); process.exit(1); });
