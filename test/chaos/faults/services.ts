import { setTimeout as sleep } from 'node:timers/promises';
import { during, type ChaosFault } from './fault';

const services = (fault: Omit<ChaosFault, 'group'>): ChaosFault => ({ ...fault, group: 'services' });

/** Longer than the session of the consumers' group. */
const REBALANCED_MS = 12_000;

export const SERVICE_FAULTS: readonly ChaosFault[] = [
  services({
    name: 'writer-killed',
    title: 'writers are killed (SIGKILL) at any moment, some between a request and its response',
    async apply({ world, random }) {
      for (let kill = 0; kill < 3; kill++) {
        await world.writers.kill(random.integer(world.writers.size));
        await sleep(1_500);
      }
    },
  }),
  services({
    name: 'consumer-killed',
    title: 'a consumer is killed (SIGKILL)',
    async apply({ world, random }) {
      await world.consumers.kill(random.integer(world.consumers.size));
      await sleep(8_000);
    },
  }),
  services({
    name: 'consumer-stopped',
    title: 'a consumer stops for longer than its session (SIGSTOP), and continues when others have its partitions',
    async apply({ world, random }) {
      const slot = random.integer(world.consumers.size);
      world.consumers.freeze(slot);
      await during(
        () => sleep(REBALANCED_MS),
        () => world.consumers.thaw(slot),
      );
    },
  }),
];

export const OPERATOR_FAULTS: readonly ChaosFault[] = [
  {
    ...{ name: 'operator-commands', group: 'operator' },
    title: 'an operator redrives, skips, replays and sweeps',
    async apply({ world, random }) {
      for (let command = 0; command < 4; command++) await world.operator.act(random);
    },
  },
];
