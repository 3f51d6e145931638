import { ConfigResourceTypes } from 'kafkajs';
import { withAdmin } from '../kafka/topics';
import type { Stack } from '../stack';
import { SLOW_DYNAMODB_MS, type ConsoleProxy } from './console-proxy';

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
  /** Whether every write of the consumer is delayed. */
  isConsumerSlow: boolean;
  /** Whether every write of the consumer fails. */
  isConsumerFailing: boolean;
}

/** A fault that can be tried: what is done, what should happen, and how it ends. */
export interface Fault {
  readonly name: string;
  readonly label: string;
  /** The key of the terminal that starts and ends it. */
  readonly shortcut: string;
  /** The effects that an operator should see while it lasts. */
  readonly expectation: string;
  /** The effects after its end. */
  readonly recovery: string;
  /** A fault that is over as soon as it has happened has no end. */
  begin(): Promise<string | undefined>;
  end?(): Promise<void>;
}

/** Smaller than the poison event, larger than a batch of normal ones at the default pace. */
export const SMALL_LIMIT_BYTES = 20_000;
const DEFAULT_LIMIT_BYTES = 1_048_588;

/** The faults that this stack can show. */
export function faultsOf({ stack, proxy, services }: FaultParts): Fault[] {
  const faults: (Fault | undefined)[] = [
    services && {
      name: 'poison',
      label: 'Poison event',
      shortcut: 'p',
      expectation:
        'Kafka refuses the event because it is too large. Its item is parked, its key is held, and later events of the key wait. Other keys go on. The alarm item-parked turns red.',
      recovery:
        'The topic accepts the event again. Redrive its key: the parked event and the waiting ones are published in order.',
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
      expectation:
        'The relay publishes the event, but the consumer cannot read its data. It goes to the dead-letter topic, or its key is parked. Other keys go on.',
      recovery: 'Find it under "parked" in the inspector of its key, and skip it there.',
      begin: () => services.writeUnreadable(),
    },
    stack.kafka && {
      name: 'broker',
      label: 'Broker stopped',
      shortcut: 'b',
      expectation:
        'Nothing is published and nothing is lost: the relay reports an outage, its batch is tried again, and events wait in the table.',
      recovery: 'Everything that waited is published in order, without an operator.',
      begin: async () => {
        await Promise.all((stack.kafka?.nodes ?? []).map((node) => node.stop()));
        return undefined;
      },
      end: async () => {
        await Promise.all((stack.kafka?.nodes ?? []).map((node) => node.start()));
        await stack.kafka?.ready();
      },
    },
    services && {
      name: 'partition',
      label: 'One topic unavailable',
      shortcut: 't',
      expectation: `The partitions of "${services.sideTopic}" refuse writes. Only keys with events for them wait; after some time they are held, and the alarm partition-unavailable turns red. The other topic goes on.`,
      recovery: 'The relay finds within a minute that the partitions accept writes, and releases the keys by itself.',
      begin: async () => {
        await setTopicConfig(stack, services.sideTopic, 'min.insync.replicas', '2');
        return undefined;
      },
      end: () => setTopicConfig(stack, services.sideTopic, 'min.insync.replicas', '1'),
    },
    {
      name: 'relay',
      label: 'Relay killed',
      shortcut: 'k',
      expectation:
        'The process of the relay dies, possibly in the middle of a batch. The next invocation starts a new one and gets the same records. Events may be published twice; consumers apply each once.',
      recovery: 'Nothing to do.',
      begin: async () => {
        await stack.relay.kill();
        return undefined;
      },
    },
    {
      name: 'mapping',
      label: 'Event source mapping disabled',
      shortcut: 'm',
      expectation:
        'The relay is not invoked any more, events wait in the table. On AWS the alarm relay-silent turns red.',
      recovery: 'Everything that waited is published in order. The iterator age falls back.',
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
      expectation:
        'Lambda delivers the last batch again, as it may. The relay publishes what its marks do not show; consumers ignore what they have applied.',
      recovery: 'Nothing to do.',
      begin: async () => {
        await stack.mapping.redeliverLast();
        return undefined;
      },
    },
    services && {
      name: 'slow-consumer',
      label: 'Slow consumer',
      shortcut: 's',
      expectation: 'The consumer needs seconds for each effect and lags behind. The relay is not affected.',
      recovery: 'The consumer catches up by itself.',
      ...switched((on) => (services.isConsumerSlow = on)),
    },
    services && {
      name: 'failing-consumer',
      label: 'Failing consumer',
      shortcut: 'f',
      expectation:
        "The consumer's database refuses every write. The consumer waits and tries again; no event is skipped.",
      recovery: 'The consumer applies everything that waited, each event once.',
      ...switched((on) => (services.isConsumerFailing = on)),
    },
    proxy && {
      name: 'slow-dynamodb',
      label: 'DynamoDB slow',
      shortcut: 'y',
      expectation: `Each request of the relay to DynamoDB takes ${SLOW_DYNAMODB_MS / 1_000} s longer. Latency grows, order stays.`,
      recovery: 'Nothing to do.',
      ...switched((on) => (proxy.isSlow = on)),
    },
    proxy && {
      name: 'silent-dynamodb',
      label: 'DynamoDB unavailable',
      shortcut: 'x',
      expectation:
        'No request of the relay to DynamoDB is answered. The relay gives up within its time limits and fails the batch, so that it is delivered again.',
      recovery: 'Nothing to do.',
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

const setTopicConfig = async ({ brokers }: Stack, topic: string, name: string, value: string): Promise<void> => {
  await withAdmin(brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }],
    }),
  );
};
