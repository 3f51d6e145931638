import { setTimeout as sleep } from 'node:timers/promises';
import { during, type ChaosFault } from './fault';

const stream = (fault: Omit<ChaosFault, 'group'>): ChaosFault => ({ ...fault, group: 'stream' });

const REDELIVERY_MS = 5_000;

/** Resolves early if the mapping has nothing to deliver. */
const atMost = (work: Promise<unknown>): Promise<unknown> => Promise.race([work, sleep(REDELIVERY_MS)]);

export const STREAM_FAULTS: readonly ChaosFault[] = [
  stream({
    name: 'shards-split',
    title: 'shards of the stream split while they are written to',
    unavailable: ({ database }) =>
      database.splitShard === undefined ? 'DynamoDB Local has one shard forever' : undefined,
    async apply({ world }) {
      await world.database.splitShard?.(world.stack.tableName);
      await sleep(1_000);
    },
  }),
  stream({
    name: 'batch-redelivered',
    title: 'the latest batch of each shard is delivered again',
    async apply({ world }) {
      for (let turn = 0; turn < 3; turn++) await atMost(world.relay.mapping.redeliverLast());
    },
  }),
  stream({
    name: 'checkpoint-lost',
    title: 'a shard is read again from an earlier batch',
    apply: ({ world, random }) => world.relay.rewind(random),
  }),
  ...(['before', 'after'] as const).map((moment) =>
    stream({
      name: `invocations-fail-${moment}`,
      title: `every invocation fails ${moment === 'before' ? 'before the function runs' : 'after the function did its work'}, so that batches are bisected and repeated`,
      async apply({ world: { relay } }) {
        relay.sandboxes.fails = moment;
        await during(
          () => sleep(4_000),
          () => {
            relay.sandboxes.fails = undefined;
          },
        );
      },
    }),
  ),
  stream({
    name: 'records-trimmed',
    title: 'the mapping is off, and the stream drops what was not delivered',
    async apply({ world }) {
      const { relay } = world;
      await relay.mapping.disable();
      const dropped = await during(
        async () => {
          await sleep(3_000);
          // In AWS the stream drops records after 24 hours. The sweeper has suspected a gap for twelve hours then.
          await relay.suspectGap();
          return relay.mapping.trim();
        },
        () => relay.mapping.enable(),
      );
      relay.counts.trimmed += dropped;
      return dropped > 0;
    },
  }),
  stream({
    name: 'mapping-off',
    title: 'the event source mapping is off for a while',
    async apply({ world }) {
      await world.relay.mapping.disable();
      await during(
        () => sleep(6_000),
        () => world.relay.mapping.enable(),
      );
    },
  }),
  stream({
    name: 'stream-recreated',
    title: 'the stream is switched off and on: the mapping reads a new one',
    apply: ({ world }) => world.relay.recreateStream(),
  }),
  stream({
    name: 'sweeper-late',
    title: 'the sweeper does not run for 40 s',
    async apply({ world }) {
      world.relay.isSweeperLate = true;
      await sleep(40_000);
      world.relay.isSweeperLate = false;
    },
  }),
];
