import { setTimeout as sleep } from 'node:timers/promises';
import type { Passage } from '../../client-conformance/proxy';
import { ZOMBIE_MS } from '../world/sandboxes';
import type { World } from '../world/world';
import type { ChaosFault } from './fault';

const relay = (fault: Omit<ChaosFault, 'group'>): ChaosFault => ({ ...fault, group: 'relay' });

/** How long a fault waits for the step at which it kills the relay. */
const STEP_MS = 10_000;
const BUSY_MS = 5_000;
const LASTS_MS = 20_000;
const POLL_MS = 5;
const SHORT_TIMEOUT_SECONDS = 2;
const LITTLE_MEMORY_MB = 90;

/** Kafka's request header begins with its size and its API key; that of Produce is 0. */
const API_KEY_AT = 4;
const PRODUCE = 0;

const isProduce = ({ from, chunk }: Passage): boolean =>
  from === 'client' && chunk.length > API_KEY_AT + 2 && chunk.readInt16BE(API_KEY_AT) === PRODUCE;

/** The steps of an invocation, by the request at which a kill catches them. */
const DATABASE_STEPS = {
  'before-control-read': ['before', 'Query'],
  'after-control-read': ['after', 'Query'],
  'before-look-up': ['before', 'BatchGetItem'],
  'before-mark': ['before', 'BatchExecuteStatement'],
  'after-mark': ['after', 'BatchExecuteStatement'],
  'before-hold': ['before', 'TransactWriteItems'],
  'after-hold': ['after', 'TransactWriteItems'],
} as const;

/** Resolves when it is true, or after `ms`. */
async function until(isTrue: () => boolean, ms: number): Promise<void> {
  const end = Date.now() + ms;
  while (!isTrue() && Date.now() < end) await sleep(POLL_MS);
}

type OnPassage = NonNullable<World['testbed']['proxies']['proxied'][number]['onPassage']>;

/** Lets `newWatch` see what passes each proxy, until `isOver`, for the time of a step at most. */
async function watchPassages(world: World, newWatch: () => OnPassage, isOver: () => boolean): Promise<void> {
  const { proxied } = world.testbed.proxies;
  for (const proxy of proxied) proxy.onPassage = newWatch();
  await until(isOver, STEP_MS);
  for (const proxy of proxied) proxy.onPassage = undefined;
}

const whenBusy = ({ relay: { sandboxes } }: World): Promise<void> => until(() => sandboxes.busy > 0, BUSY_MS);

const killedAtRequest = Object.entries(DATABASE_STEPS).map(([step, [moment, operation]]) =>
  relay({
    name: `relay-killed-${step}`,
    title: `the relay is killed ${moment} its next ${operation}${moment === 'after' ? ' took effect' : ' is sent'}`,
    async apply({ world }) {
      let isApplied = false;
      const cancel = world.relayDatabase.intercept({
        ...{ operation, moment },
        run: async () => {
          isApplied = true;
          await world.relay.sandboxes.kill('all');
        },
      });
      await until(() => isApplied, STEP_MS);
      cancel();
      return isApplied;
    },
  }),
);

/** The request is lost, or it is written and its acknowledgement is lost. */
const killedAtProduce = (['before-publish', 'after-publish'] as const).map((step) =>
  relay({
    name: `relay-killed-${step}`,
    title: `the relay is killed ${step === 'before-publish' ? 'before its next messages reach a broker' : 'before an acknowledgement reaches it'}`,
    async apply({ world }) {
      let isApplied = false;
      let isWritten = false;
      const onPassage = (passage: Passage): boolean => {
        if (isApplied) return true;
        if (isProduce(passage)) isWritten = true;
        const isReached = step === 'before-publish' ? isProduce(passage) : isWritten && passage.from === 'broker';
        if (!isReached) return true;
        isApplied = true;
        void world.relay.sandboxes.kill('all');
        return false;
      };
      await watchPassages(
        world,
        () => onPassage,
        () => isApplied,
      );
      return isApplied;
    },
  }),
);

/** As often as kafkajs sends a request before it gives up. */
const LOST_IN_A_ROW = 3;
const LOSSES = 5;
const BETWEEN_LOSSES_MS = 1_000;

/** The relay then does not know whether the messages are written, and its next connection works. */
const answersLost = relay({
  name: 'answers-lost',
  title: `a broker writes messages, and its connections end before the answer, ${LOST_IN_A_ROW} times in a row`,
  async apply({ world }) {
    let isApplied = false;
    for (let loss = 0; loss < LOSSES; loss++) {
      let isOver = false;
      const newWatch = (): OnPassage => {
        let isAsked = false;
        let lost = 0;
        return (passage) => {
          if (isProduce(passage)) isAsked = true;
          if (isOver || !isAsked || passage.from === 'client') return true;
          isAsked = false;
          isOver = ++lost === LOST_IN_A_ROW;
          return 'close';
        };
      };
      await watchPassages(world, newWatch, () => isOver);
      isApplied ||= isOver;
      await sleep(BETWEEN_LOSSES_MS);
    }
    return isApplied;
  },
});

export const RELAY_FAULTS: readonly ChaosFault[] = [
  relay({
    name: 'relay-killed',
    title: 'a relay is killed (SIGKILL) at any moment, several times',
    async apply({ world, random }) {
      for (let kill = 0; kill < 5; kill++) {
        await whenBusy(world);
        await sleep(random.integer(60));
        await world.relay.sandboxes.kill('one');
        await sleep(random.integer(500));
      }
    },
  }),
  ...killedAtRequest,
  ...killedAtProduce,
  answersLost,
  relay({
    name: 'relay-timeout',
    title: `relays time out after ${SHORT_TIMEOUT_SECONDS} s, while no broker and no table responds in time`,
    async apply({ world }) {
      const { sandboxes } = world.relay;
      const before = sandboxes.ends.timedOut;
      sandboxes.deviation = { timeoutSeconds: SHORT_TIMEOUT_SECONDS };
      // Several attempts in a row: the relay begins nothing for which no time is left.
      world.relayDatabase.begin('silent', 0.95);
      try {
        await until(() => sandboxes.ends.timedOut >= before + 2, LASTS_MS);
      } finally {
        sandboxes.deviation = undefined;
        world.relayDatabase.end();
      }
      return sandboxes.ends.timedOut > before;
    },
  }),
  relay({
    name: 'relay-out-of-memory',
    title: `relays have ${LITTLE_MEMORY_MB} MB, and are killed when they exceed it`,
    async apply({ world }) {
      const { sandboxes } = world.relay;
      const before = sandboxes.ends.outOfMemory;
      sandboxes.deviation = { memoryMb: LITTLE_MEMORY_MB };
      try {
        await until(() => sandboxes.ends.outOfMemory >= before + 2, LASTS_MS);
      } finally {
        sandboxes.deviation = undefined;
      }
      return sandboxes.ends.outOfMemory > before;
    },
  }),
  relay({
    name: 'relay-frozen',
    title: 'a relay is frozen for some seconds while it works (SIGSTOP), and continues',
    async apply({ world, random }) {
      await whenBusy(world);
      return world.relay.sandboxes.freeze(3_000 + random.integer(9_000));
    },
  }),
  relay({
    name: 'relay-zombie',
    title: 'a relay is frozen while it works, is replaced, and continues 15 to 60 s later next to its successor',
    async apply({ world, random }) {
      await whenBusy(world);
      const frozenMs = 15_000 + random.integer(45_000);
      return world.relay.sandboxes.makeZombie(frozenMs) ? frozenMs + ZOMBIE_MS : false;
    },
  }),
  relay({
    name: 'many-sandboxes',
    title: 'each invocation gets one of several processes at random',
    async apply({ world }) {
      world.relay.sandboxes.isMixed = true;
      await sleep(15_000);
      world.relay.sandboxes.isMixed = false;
    },
  }),
];
