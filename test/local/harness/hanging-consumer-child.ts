import { runConsumer } from '../../../lib/consumer';
import { aRig } from '../../builders/consume';
import { kafkaOf } from './consumers';

/** The state of the process: how many handlers have started, in which partitions, and its peak memory. */
export interface HangingReport {
  readonly begun: number;
  readonly partitions: readonly number[];
  readonly maxRssMb: number;
}

/** A consumer whose handlers never end, as in an outage of their service. It reports twice a second. */
async function main([topic, ...brokers]: readonly string[]): Promise<void> {
  let begun = 0;
  const partitions = new Set<number>();
  const { consumer } = aRig({
    handlerTimeoutMs: 3600_000,
    handlers: {
      'order.placed': (_, { partition }) => {
        begun++;
        partitions.add(partition);
        return new Promise(() => undefined);
      },
    },
  });
  await runConsumer({ consumer, kafka: kafkaOf(brokers), topics: [topic ?? ''] });
  setInterval(() => {
    const report: HangingReport = {
      begun,
      partitions: [...partitions],
      maxRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    };
    process.send?.(report);
  }, 500);
}

process.on('disconnect', () => process.exit());
void main(process.argv.slice(2));
