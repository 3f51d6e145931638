import { ConfigResourceTypes } from 'kafkajs';
import { CONSUMER_METRICS, RELAY_METRICS } from '../../lib/event/metrics';
import type { KafkaBroker } from '../kafka/broker';
import type { KafkaCluster } from '../kafka/cluster';
import { moveTopic, withAdmin } from '../kafka/topics';
import type { Stack } from '../stack';
import { SLOW_DYNAMODB_MS, type ConsoleProxy } from './console-proxy';
import { arePublishedInOrder, expectation, SOME, type Expectation } from './observation';

/** The parts of a stack that faults change. Some are absent when the stack uses servers that it did not start. */
export interface FaultParts {
  readonly stack: Stack;
  readonly proxy: ConsoleProxy | undefined;
  /** The services that write and consume, if the console has its own. */
  readonly services: Services | undefined;
}

/** The services of the demo, as far as faults change them. */
export interface Services {
  readonly topics: readonly string[];
  /** The topic that becomes unavailable alone. */
  readonly sideTopic: string;
  /** The topic that gets a small limit, and to which `writePoison` writes. */
  readonly mainTopic: string;
  /** Commits an event that Kafka refuses under the small limit, and two later events of its key. Returns the key. */
  writePoison(): Promise<string>;
  /** Commits an event whose data no consumer can read. Returns the key. */
  writeUnreadable(): Promise<string>;
  /** Publishes a message to the main topic that is no event. */
  publishForeign(): Promise<void>;
  /** Whether every write of the consumer is delayed. */
  isConsumerSlow: boolean;
  /** Whether every write of the consumer fails. */
  isConsumerFailing: boolean;
  /** Whether writes take so long that the services cannot keep their pace. */
  isBehind(): boolean;
}

/** A fault that can be tried: what is done, what should be seen, and how it ends. */
export interface Fault {
  readonly name: string;
  readonly label: string;
  /** The key of the terminal that starts and ends it. */
  readonly shortcut: string;
  /** The effects that an operator should see while it lasts. */
  readonly expected: readonly Expectation[];
  /** The effects after its end. */
  readonly recovery: readonly Expectation[];
  /** Resolves with the key that it wrote. */
  begin(): Promise<string | undefined>;
  /** A fault that is over as soon as it has happened has none. */
  end?(): Promise<void>;
}

/** Smaller than the poison event, larger than a batch of normal ones at the default pace. */
export const SMALL_LIMIT_BYTES = 20_000;
const DEFAULT_LIMIT_BYTES = 1_048_588;

const OTHER_KEYS_GO_ON = expectation('Other keys go on.', ({ arrived }) => arrived >= SOME);
const OTHER_EFFECTS_GO_ON = expectation('Other keys go on.', ({ applied }) => applied >= SOME);
const RELAY_GOES_ON = expectation('The relay is not affected.', ({ arrived }) => arrived >= SOME);
const CAUGHT_UP = expectation(
  'Everything that waited is published, without an operator.',
  ({ arrived, unpublished }) => arrived >= SOME && unpublished < SOME,
);
const NOTHING_HELD = expectation('No key is held by it: an outage parks nothing.', ({ heldKeys }) => heldKeys === 0);
const APPLIED_ALL = expectation(
  'The consumer applies everything that waited, each event once.',
  ({ applied, unapplied }) => applied >= SOME && unapplied < SOME,
);
const turnsRed = (alarm: string): Expectation =>
  expectation(`The alarm ${alarm} turns red.`, ({ isRed }) => isRed(alarm));
const turnsGreen = (alarm: string): Expectation =>
  expectation(`The alarm ${alarm} is green again.`, ({ isRed }) => !isRed(alarm));

/** The faults that this stack can show. */
export function faultsOf({ stack, proxy, services }: FaultParts): Fault[] {
  const faults: (Fault | undefined)[] = [
    services && {
      name: 'poison',
      label: 'Poison event',
      shortcut: 'p',
      expected: [
        expectation('Kafka refuses the event because it is too large, and its item is parked.', ({ eventsOfKey }) =>
          eventsOfKey.some(({ state }) => state === 'parked'),
        ),
        expectation(
          'Its key is held: the two later events of the key wait in the table.',
          ({ isKeyHeld, eventsOfKey: [, ...later] }) =>
            isKeyHeld && later.length === 2 && later.every(({ stage }) => stage === 'table'),
        ),
        OTHER_KEYS_GO_ON,
        turnsRed('item-parked'),
      ],
      recovery: [
        expectation(
          'The topic accepts the event again. Redrive its key (Operate, or r in the terminal): its three events are published in order.',
          ({ eventsOfKey }) => arePublishedInOrder(eventsOfKey),
        ),
        turnsGreen('item-parked'),
      ],
      begin: async () => {
        await setTopicConfig(stack, services.mainTopic, 'max.message.bytes', String(SMALL_LIMIT_BYTES));
        return services.writePoison();
      },
      end: () => setTopicConfig(stack, services.mainTopic, 'max.message.bytes', String(DEFAULT_LIMIT_BYTES)),
    },
    services && {
      name: 'unreadable',
      label: 'Unreadable event',
      shortcut: 'u',
      expected: [
        expectation('The relay publishes the event and the two after it.', ({ eventsOfKey }) =>
          arePublishedInOrder(eventsOfKey),
        ),
        expectation(
          'The consumer cannot read it and parks it: the later events of its key wait there. Skip it in the inspector of its key.',
          ({ sumOf }) => sumOf(CONSUMER_METRICS.parkedEvents) > 0,
        ),
        OTHER_EFFECTS_GO_ON,
      ],
      recovery: [],
      begin: () => services.writeUnreadable(),
    },
    services && {
      name: 'foreign',
      label: 'Message that is no event',
      shortcut: 'n',
      expected: [
        expectation(
          'Another program has published a message that is no event. The consumer sends it to the dead-letter topic.',
          ({ sumOf }) => sumOf(CONSUMER_METRICS.deadLetters) > 0,
        ),
        OTHER_EFFECTS_GO_ON,
      ],
      recovery: [],
      begin: async () => {
        await services.publishForeign();
        return undefined;
      },
    },
    stack.kafka && {
      name: 'broker',
      label: 'Broker stopped',
      shortcut: 'b',
      expected: [
        expectation('Nothing is published; events wait in the table.', ({ unpublished }) => unpublished >= SOME),
        expectation(
          'The relay reports an outage or fails its batch, which is delivered again.',
          ({ sumOf }) => sumOf(RELAY_METRICS.outages) + sumOf('Errors') > 0,
        ),
      ],
      recovery: [CAUGHT_UP, NOTHING_HELD],
      begin: async () => {
        await Promise.all((stack.kafka?.nodes ?? []).map((node) => node.stop()));
        return undefined;
      },
      end: async () => {
        await Promise.all((stack.kafka?.nodes ?? []).map((node) => node.start()));
        await stack.kafka?.ready();
      },
    },
    services &&
      stack.kafka && {
        name: 'partition',
        label: 'One topic unavailable',
        shortcut: 't',
        expected: [
          expectation(
            `The broker that alone has the partitions of "${services.sideTopic}" is stopped. Keys with events for them are held.`,
            ({ heldKeys }) => heldKeys > 0,
          ),
          OTHER_KEYS_GO_ON,
          turnsRed('partition-unavailable'),
        ],
        recovery: [
          expectation(
            'The relay finds that the partitions accept writes, and releases the keys by itself.',
            ({ heldKeys }) => heldKeys === 0,
          ),
          CAUGHT_UP,
          turnsGreen('partition-unavailable'),
        ],
        ...brokerOfItsOwn(stack, stack.kafka, services.sideTopic),
      },
    {
      name: 'relay',
      label: 'Relay killed',
      shortcut: 'k',
      expected: [
        expectation(
          'The process of the relay dies, possibly in the middle of a batch. The next invocation starts a new one.',
          ({ hasNewRelay }) => hasNewRelay,
        ),
        expectation(
          'It gets the same records again: everything is published, some events perhaps twice.',
          ({ hasNewRelay, arrived, unpublished }) => hasNewRelay && arrived >= SOME && unpublished < SOME,
        ),
      ],
      recovery: [],
      begin: async () => {
        await stack.relay.kill();
        return undefined;
      },
    },
    {
      name: 'mapping',
      label: 'Event source mapping disabled',
      shortcut: 'm',
      expected: [
        expectation(
          'The relay is not invoked any more; events wait in the table.',
          ({ unpublished, arrived }) => unpublished >= SOME && arrived < unpublished,
        ),
        turnsRed('relay-silent'),
      ],
      recovery: [CAUGHT_UP, turnsGreen('relay-silent')],
      begin: async () => {
        await stack.mapping.disable();
        return undefined;
      },
      end: () => {
        stack.mapping.enable();
        return Promise.resolve();
      },
    },
    {
      name: 'duplicate',
      label: 'Batch delivered twice',
      shortcut: 'd',
      expected: [
        expectation(
          'Lambda delivers the last batch again, as it may. The relay skips the items whose marks show that they are published.',
          ({ sumOf }) => sumOf(RELAY_METRICS.duplicatesSkipped) > 0,
        ),
      ],
      recovery: [],
      begin: async () => {
        await stack.mapping.redeliverLast();
        return undefined;
      },
    },
    services && {
      name: 'slow-consumer',
      label: 'Slow consumer',
      shortcut: 's',
      expected: [
        expectation(
          'The consumer needs seconds for each effect, and lags behind.',
          ({ unapplied }) => unapplied >= SOME,
        ),
        RELAY_GOES_ON,
      ],
      recovery: [APPLIED_ALL],
      ...switched((on) => (services.isConsumerSlow = on)),
    },
    services && {
      name: 'failing-consumer',
      label: 'Failing consumer',
      shortcut: 'f',
      expected: [
        expectation(
          "The consumer's database is unavailable. The consumer waits and tries again; no event is skipped or parked.",
          ({ sumOf, unapplied }) =>
            sumOf(CONSUMER_METRICS.failedAttempts) + sumOf(CONSUMER_METRICS.outages) > 0 && unapplied >= SOME,
        ),
        RELAY_GOES_ON,
      ],
      recovery: [APPLIED_ALL],
      ...switched((on) => (services.isConsumerFailing = on)),
    },
    proxy && {
      name: 'slow-dynamodb',
      label: 'DynamoDB slow',
      shortcut: 'y',
      expected: [
        expectation(
          `Each request to DynamoDB takes ${SLOW_DYNAMODB_MS / 1_000} s longer, and so does the way of an event.`,
          ({ latencyMs }) => latencyMs >= SLOW_DYNAMODB_MS,
        ),
      ],
      recovery: [
        expectation('The latency falls again.', ({ latencyMs }) => latencyMs > 0 && latencyMs < SLOW_DYNAMODB_MS),
      ],
      ...switched((on) => (proxy.isSlow = on)),
    },
    proxy && {
      name: 'silent-dynamodb',
      label: 'DynamoDB unavailable',
      shortcut: 'x',
      expected: [
        expectation(
          'No request is answered. The relay gives up within its time limits and fails the batch, so that it is delivered again.',
          ({ sumOf }) => sumOf('Errors') > 0,
        ),
      ],
      recovery: [expectation('Services write again, and events arrive.', ({ arrived }) => arrived >= SOME), CAUGHT_UP],
      ...switched((on) => (proxy.isSilent = on)),
    },
  ];
  return faults.filter((fault) => fault !== undefined);
}

/** A fault that is on or off. */
const switched = (set: (on: boolean) => void): Required<Pick<Fault, 'begin' | 'end'>> => ({
  begin() {
    set(true);
    return Promise.resolve(undefined);
  },
  end() {
    set(false);
    return Promise.resolve();
  },
});

/** The first time, it starts a broker and moves a topic to it. That broker is away while the fault is on. */
function brokerOfItsOwn(
  { brokers }: Stack,
  kafka: KafkaCluster,
  topic: string,
): Required<Pick<Fault, 'begin' | 'end'>> {
  let own: KafkaBroker | undefined;
  return {
    async begin() {
      own ??= await kafka.addBroker();
      await moveTopic(brokers, topic, own.nodeId);
      await own.stop();
      return undefined;
    },
    async end() {
      await own?.start();
    },
  };
}

const setTopicConfig = async ({ brokers }: Stack, topic: string, name: string, value: string): Promise<void> => {
  await withAdmin(brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }],
    }),
  );
};
