import { DEAD_LETTER_OVERHEAD_BYTES, deadLetterTopic } from '../../event/consumer-name';
import { unreachableBrokers, type BrokerReachability } from '../kafka-metadata';
import { shellCommand } from '../shell-command';
import type { GroupBacklog, KafkaState, KafkaTopics, OpenTopics, SweeperRuns } from './deployment';
import { line, ok, unknown, warn, wrong, both, type CheckResult, type DoctorLine } from './lookup';

export const kafkaLines = ({
  reachableBrokers,
  kafkaTopics,
  openTopics,
  groups,
}: KafkaState): readonly DoctorLine[] => [
  line('brokers reachable from here', reachableBrokers, checkReachable),
  line('topics of pending items', both(kafkaTopics, openTopics), checkOpenTopics),
  line('topics of the consumers', kafkaTopics, checkReadTopics),
  line('dead-letter topics', kafkaTopics, checkDeadLetterTopics),
  line('consumer groups', groups, checkGroups),
];

export function checkReachable(brokers: readonly BrokerReachability[]): CheckResult {
  const unreachable = brokers.filter(({ error }) => error !== undefined);
  const text = `${brokers.length - unreachable.length} of ${brokers.length}`;
  if (unreachable.length === 0) return ok(text);
  const found = `${text}; not ${unreachableBrokers(unreachable)}`;
  if (unreachable.length < brokers.length) {
    return warn(
      found,
      'A broker that is down makes its partitions move; a name or a security group may keep it from here.',
    );
  }
  // A host that refuses the port can be reached, but no broker listens there.
  return unreachable.some(({ error }) => error === 'ECONNREFUSED')
    ? wrong(found, 'Start the brokers, or correct their addresses: nothing is published without them.')
    : unknown({ because: found, remedy: 'Run it where the brokers can be reached (network, security groups, VPN).' });
}

/** Creating a misspelt topic would hide the fault. */
const createTopic = (topic: string, ...options: readonly string[]): string =>
  `A typo? Fix the writer. Otherwise create it: \`${shellCommand('outbox', 'topic', 'create', topic, ...options)}\``;

export function checkOpenTopics([{ names }, { items, isWhole }]: readonly [KafkaTopics, OpenTopics]): CheckResult {
  const absent = [...items].filter(([topic]) => !names.has(topic));
  const [first] = absent;
  if (first !== undefined) {
    const named = absent.map(([topic, count]) => `${topic} (${count} ${count === 1 ? 'item waits' : 'items wait'})`);
    return wrong(`missing, or not to be described by the caller: ${named.join(', ')}`, createTopic(first[0]));
  }
  const found = items.size === 0 ? 'nothing waits' : `all exist: ${[...items.keys()].toSorted().join(', ')}`;
  return isWhole
    ? ok(found)
    : warn(`${found}, in the part of the table that was read`, 'Use `outbox status` for the rest.');
}

export function checkReadTopics({ names, read }: KafkaTopics): CheckResult {
  const absent = [...new Set(read.map(({ topic }) => topic))].filter((topic) => !names.has(topic));
  if (absent[0] !== undefined) return wrong(`missing: ${absent.join(', ')}`, createTopic(absent[0]));
  return read.length === 0 ? noConsumers : ok([...new Set(read.map(({ topic }) => topic))].toSorted().join(', '));
}

const noConsumers = unknown({
  because: 'no consumer is known',
  remedy: 'Name the tables of consumers: `outbox doctor --inbox TABLE`',
});

export function checkDeadLetterTopics({ names, maxMessageBytes, read }: KafkaTopics): CheckResult {
  if (read.length === 0) return noConsumers;
  const topics = read.map(({ consumer, topic }) => ({ topic, letters: deadLetterTopic(topic, consumer) }));
  const absent = topics.filter(({ letters }) => !names.has(letters));
  const small = topics.flatMap(({ topic, letters }) => {
    const [has, of] = [maxMessageBytes.get(letters), maxMessageBytes.get(topic)];
    const needed = of === undefined ? undefined : of + DEAD_LETTER_OVERHEAD_BYTES;
    return has === undefined || needed === undefined || has >= needed ? [] : [{ letters, has, needed }];
  });
  const found = [
    ...absent.map(({ letters }) => `${letters} does not exist`),
    ...small.map(({ letters, has, needed }) => `${letters} takes ${has} bytes and needs ${needed}`),
  ];
  if (found.length === 0) return ok(topics.map(({ letters }) => letters).join(', '));
  const text = `${found.join('; ')}: a message that its consumer cannot apply blocks the partition`;
  return absent[0] === undefined
    ? wrong(
        text,
        `Raise \`max.message.bytes\` of ${small.map(({ letters, needed }) => `${letters} to ${needed}`).join(', ')}.`,
      )
    : wrong(
        text,
        `Create it: \`${shellCommand('outbox', 'topic', 'create', absent[0].letters, '--like', absent[0].topic)}\`. Within a minute the consumer then sends the message there, without its effect. If a deployment of the consumer removes the reason (its log names it), deploy instead: order is kept.`,
      );
}

export function checkGroups(groups: readonly GroupBacklog[]): CheckResult {
  if (groups.length === 0) return noConsumers;
  const named = ({ consumer, group, members, behind }: GroupBacklog): string =>
    `${consumer === group ? consumer : `${consumer} (${group})`}: ${members}${behind === 0n ? ', up to date' : `, ${behind} ${behind === 1n ? 'message' : 'messages'} behind`}`;
  const idle = groups.filter(({ members }) => members === 0);
  const found = groups.map(named).join('; ');
  if (idle.length === 0 && groups.every(({ behind }) => behind === 0n)) return ok(found);
  return idle.length === 0
    ? warn(found, 'Run doctor again: the number must fall. If it does not, read the log of the consumer.')
    : wrong(
        `no members, so no instance runs: ${idle.map(({ consumer }) => consumer).join(', ')}`,
        'Start an instance, or enable its event source mapping. Remove a consumer that is not needed any more with its table.',
      );
}

export function checkSweeperRuns({ everyMs, isSeen, isNew }: SweeperRuns): CheckResult {
  const window = `${Math.round((2 * everyMs) / 60_000)} minutes`;
  if (isSeen) return ok(`it ran within the last ${window}`);
  return isNew
    ? warn(`it has not run since it was deployed, within the last ${window}`, 'Run doctor again later.')
    : wrong(
        `it has not run within the last ${window}: its schedule is disabled or gone`,
        'Enable the EventBridge rule `…Schedule…` of the stack (`aws events enable-rule --name NAME`). Until then: `outbox sweep`',
      );
}
