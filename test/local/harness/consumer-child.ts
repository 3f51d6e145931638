import { aConsumer, run } from './consumers';
import type { ConsumerProcessOptions } from './consumer-process';

/** A consumer in a process of its own. It ends with its parent. */
const { name, stack } = JSON.parse(process.argv[2] ?? '{}') as ConsumerProcessOptions;

process.on('disconnect', () => process.exit());
void run({ stack }, aConsumer({ stack }, name)).then(({ done }) => {
  process.send?.('running');
  return done;
});
