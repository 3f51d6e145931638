import type { InboxState } from '../../consume/inbox';
import { decide, isUnapplied, sequencedOf } from '../../consume/inbox';
import { aggregateIn, type InboxKey } from '../../consume/inbox-keys';
import type { HoldReason } from '../../event/control';
import { deadLetterTopic } from '../../event/consumer-name';
import { partitionName } from '../../event/topic-partition';
import { parsePartitionKey } from '../../event/key';
import { formatSequence, shownPosition, versionOfPosition } from '../../event/position';
import { formatReceipt, parseReceipt } from '../../event/receipt';
import type { DeadLetter } from '../consumer/dead-letters';
import type { ParkedKey } from '../consumer/parked';
import { goneLines } from '../gone';
import type { ConsumerGroupState } from '../kafka-metadata';
import { shellCommand } from '../shell-command';
import type { ShownItem, ShownKey } from '../show';
import { DUE_MS } from '../unpublished';

export interface InboxKeyState {
  readonly key: InboxKey;
  readonly state: InboxState;
  /** Epoch milliseconds of the last effect of the key. */
  readonly appliedAt?: number;
  readonly parked?: ParkedKey;
  /** The marks by event id. An event with a mark was applied, or discarded by an operator. */
  readonly marks: ReadonlyMap<string, 'applied' | 'discarded'>;
}

/** The group and the dead letters of a consumer in Kafka. */
export interface ConsumerKafkaState {
  readonly group: ConsumerGroupState;
  /** Dead letters of the key, by topic that it reads; `undefined` if the dead-letter topic does not exist. */
  readonly deadLetters: ReadonlyMap<string, readonly DeadLetter[] | undefined>;
}

/** A consumer that a deployment names. */
export interface NamedConsumer {
  readonly consumer: string;
  readonly inbox: string;
  /** Topics that it is known to read, such as those of its mapping. Left out: they are not known. */
  readonly topics?: readonly string[];
  /** Its consumer group, by topic. Default: its name. */
  readonly groups?: Readonly<Record<string, string>>;
}

export interface ConsumerState extends NamedConsumer {
  readonly keys: readonly InboxKeyState[];
  /** Left out: Kafka was not read. */
  readonly kafka?: ConsumerKafkaState;
}

export interface KeyState {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly shown: ShownKey;
  readonly consumers: readonly ConsumerState[];
  /** The offset after the last message, by `topic-partition`. Left out: Kafka was not read. */
  readonly ends?: ReadonlyMap<string, bigint>;
  readonly absentTopics?: readonly string[];
  /** The sources that were not read, and why. */
  readonly notLookedAt: readonly string[];
  /** Options that select the same outbox in each command, such as `--stack Shop`. */
  readonly globals?: readonly string[];
}

/** The step before a redrive, by the reason of the hold. docs/operations.md has the same steps. */
export const FIRST_STEPS: Readonly<Record<HoldReason, string>> = {
  'unknown-topic':
    'ask the owner of the writer whether the name is right. A typo: fix the writer, then the item (docs/operations.md#fix-a-parked-item). Otherwise: outbox topic create',
  'topic-not-authorized':
    "allow the relay to write to the topic: `topics` of the Outbox construct, or the cluster's ACLs",
  'message-too-large':
    'ask the owner of the topic to raise its max.message.bytes; if the event is not wanted, its owner decides on outbox skip',
  'message-refused':
    'fix the cause that the message names; if the event is not wanted, its owner decides on outbox skip',
  'undecodable-item':
    'ask the owner of the writer: fix the writer and the item (docs/operations.md#fix-a-parked-item), or let the owner decide on outbox skip',
  'process-died': "raise the relay's memory (`relayMemorySize`), or let the owner decide on outbox skip",
  'drain-unfinished': 'wait a minute: the relay continues by itself',
  'partition-unavailable': 'wait until the partition is available',
  'item-gone': 'ask the owner of the data whether the event is still wanted (docs/operations.md#an-item-is-gone)',
};

const outbox = ({ globals = [] }: Pick<KeyState, 'globals'>, ...words: readonly string[]): string =>
  shellCommand('outbox', ...words, ...globals);

const waitBehind = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? ' waits' : 's wait'} behind it`;

/**
 * The state of an event at a consumer.
 *
 * `applied`; `parked` there; `dead-letter`: in its dead letters, without effect; `discarded` there by an operator; `not-yet`: the
 * consumer has not reached it; `passed`: its group has read past it, and its table has no trace of it; `missed`: later
 * events of the key were applied, and this one was not; `not-read`: no source shows that the consumer reads the topic;
 * `unknown`: the topics of the consumer are not known, and its table has nothing of the key.
 */
export type ConsumerEventState =
  'applied' | 'parked' | 'dead-letter' | 'discarded' | 'not-yet' | 'passed' | 'missed' | 'not-read' | 'unknown';

/** One published event at one consumer. */
export interface EventAtConsumer {
  readonly position: string;
  readonly id: string;
  readonly type?: string;
  readonly topic: string;
  /** Where it lies in Kafka, `topic-partition@offset`. */
  readonly receipt?: string;
  readonly state: ConsumerEventState;
}

/** A consumer's part of an explanation. */
export interface ExplainedConsumer {
  readonly consumer: string;
  readonly inbox: string;
  readonly topics: readonly ExplainedTopic[];
  readonly events: readonly EventAtConsumer[];
  /** Members of its group. Left out: Kafka was not read. */
  readonly members?: number;
  /** Topics that the consumer reads and whose dead-letter topics do not exist. */
  readonly missingDeadLetterTopics: readonly { readonly topic: string; readonly deadLetters: string }[];
}

/** A key at a consumer, on one topic. */
export interface ExplainedTopic {
  readonly topic: string;
  /** The newest applied sequence; left out if there is none, and for keys without versions. */
  readonly appliedUpTo?: string;
  readonly appliedAt?: number;
  readonly parked?: ParkedKey;
  /** Left out: Kafka was not read, or the topic does not exist. */
  readonly deadLetters?: readonly DeadLetter[];
  /** Number of events in its dead letters, as its table notes them: at most the last 64. */
  readonly deadLettered: number;
  /** Messages of the partition that the group reads before the newest event of the key. */
  readonly messagesBehind?: string;
}

/** `unknown-key`: no trace of the key. `undecided`: nothing is missing so far, but not everything could be read. */
export type ExplainVerdict =
  | 'unknown-key'
  | 'item-gone'
  | 'held'
  | 'pending'
  | 'lost-in-kafka'
  | 'parked-at-consumer'
  | 'dead-letter'
  | 'missed'
  | 'not-consumed'
  | 'undecided'
  | 'applied';

/** The state of a key in table, Kafka and consumers, and the next step. */
export interface KeyExplanation extends ShownKey {
  readonly consumers: readonly ExplainedConsumer[];
  readonly verdict: ExplainVerdict;
  /** The fault and its place. */
  readonly why: string;
  /** A command, or what to wait for. Left out if nothing is missing. */
  readonly next?: string;
  readonly notLookedAt: readonly string[];
}

/** Follows a key from the table through Kafka to its consumers. The first place where something is missing decides. */
export function explainKey(facts: KeyState): KeyExplanation {
  const { shown, notLookedAt } = facts;
  const consumers = facts.consumers.map((consumer) => explainConsumer(shown, consumer));
  const finding =
    unknownKey(facts) ?? atOutbox(facts) ?? inKafka(facts) ?? atConsumers(facts, consumers) ?? endOf(facts, consumers);
  return { ...shown, consumers, ...finding, notLookedAt };
}

type Diagnosis = Pick<KeyExplanation, 'verdict' | 'why' | 'next'>;

export const isUnknown = ({ shown, consumers }: Pick<KeyState, 'shown' | 'consumers'>): boolean =>
  shown.items.length === 0 &&
  shown.signals.length === 0 &&
  shown.hold === undefined &&
  consumers.every(({ keys, kafka }) => keys.every(isEmpty) && lettersOf(kafka).length === 0);

const isEmpty = ({ state, parked, marks }: InboxKeyState): boolean =>
  state.window.length === 0 && state.unapplied.length === 0 && parked === undefined && marks.size === 0;

const lettersOf = (kafka: ConsumerKafkaState | undefined): readonly DeadLetter[] =>
  [...(kafka?.deadLetters.values() ?? [])].flatMap((letters) => letters ?? []);

function unknownKey(facts: KeyState): Diagnosis | undefined {
  if (!isUnknown(facts)) return undefined;
  const checked = facts.consumers.map(({ consumer }) => consumer);
  const where = checked.length === 0 ? 'the table' : `the table and the consumers ${checked.join(', ')}`;
  return {
    verdict: 'unknown-key',
    why: `${facts.shown.pk} is unknown: nothing of it is in ${where}. The name is wrong, it was never written, or its last item has expired after its retention.`,
    next: 'check the name with the writer of the event',
  };
}

function atOutbox(facts: KeyState): Diagnosis | undefined {
  const { shown, now } = facts;
  const { pk, hold, items } = shown;
  const open = items.filter(({ state }) => state === 'pending' || state === 'parked');
  const [first] = open;
  if (hold !== undefined) {
    const at = shownPosition(hold.position);
    const waiting = waitBehind(open.filter(({ state }) => state === 'pending').length, 'item');
    if (shown.gone !== undefined) {
      const [what, next] = goneLines(shown.gone);
      return { verdict: 'item-gone', why: `${pk} is held since ${timeOf(hold.since)}: ${what}. ${waiting}.`, next };
    }
    if (hold.awaits !== undefined) {
      return {
        verdict: 'held',
        why: `${pk} waits since ${timeOf(hold.since)} for partition ${partitionName(hold.awaits)}, which is unavailable: ${sentence(hold.message)} The relay releases it by itself.`,
        next: `check the replicas of ${partitionName(hold.awaits)}, then ${outbox(facts, 'doctor')}`,
      };
    }
    if (hold.state === 'draining') {
      return {
        verdict: 'held',
        why: `${pk} is being published again from ${at} on, since ${timeOf(hold.since)}.`,
        next: `wait some seconds, then ${outbox(facts, 'explain', pk)}`,
      };
    }
    return {
      verdict: 'held',
      why: `${pk} is held at ${at} since ${timeOf(hold.since)}: ${hold.reason}: ${sentence(hold.message)} ${waiting}.`,
      next: `${FIRST_STEPS[hold.reason]}. Then ${outbox(facts, 'redrive', pk)} --why "…" --follow`,
    };
  }
  if (first === undefined) return undefined;
  const at = shownPosition(first.position);
  if (first.state === 'parked') {
    return {
      verdict: 'held',
      why: `${pk} at ${at} is parked and no hold names its key: ${first.parked?.reason ?? 'unknown'}: ${sentence(first.parked?.message ?? '')}`,
      next: outbox(facts, 'sweep'),
    };
  }
  const age = first.committedAt === undefined ? undefined : now - first.committedAt;
  const isYoung = age !== undefined && age < DUE_MS;
  return {
    verdict: 'pending',
    why: `${pk} at ${at} is in the table and not published${age === undefined ? '' : `, for ${Math.max(0, Math.round(age / 1000))} s`}; ${open.length} of ${items.length} items are not.`,
    next: isYoung
      ? `wait some seconds, then ${outbox(facts, 'explain', pk)}`
      : `${outbox(facts, 'status')} shows whether everything or this key alone is late`,
  };
}

function inKafka(facts: KeyState): Diagnosis | undefined {
  const { shown, ends, absentTopics = [] } = facts;
  if (ends === undefined) return undefined;
  for (const { position, receipts } of shown.items) {
    for (const text of receipts) {
      const receipt = parseReceipt(text);
      if (receipt === undefined) continue;
      const end = ends.get(partitionName(receipt));
      const isGone = absentTopics.includes(receipt.topic);
      if (!isGone && (end === undefined || receipt.offset < end)) continue;
      const what = isGone
        ? `topic ${receipt.topic} does not exist`
        : `${partitionName(receipt)} ends at ${end}: the topic lost messages or was created again`;
      return {
        verdict: 'lost-in-kafka',
        why: `${shown.pk} at ${shownPosition(position)} was acknowledged as ${text}, but ${what}.`,
        next: `${outbox(facts, 'verify')} --since 1d shows how much is missing`,
      };
    }
  }
  return undefined;
}

interface StateAtConsumer {
  readonly explained: ExplainedConsumer;
  readonly state: ConsumerEventState;
  /** The first event in it. Left out for a key whose items have expired in the outbox. */
  readonly event?: EventAtConsumer;
}

/** The diagnosis of each state in which an event has no effect; the first state that occurs anywhere decides. */
const AT_CONSUMER: readonly (readonly [ConsumerEventState, (facts: KeyState, found: StateAtConsumer) => Diagnosis])[] =
  [
    ['parked', parkedThere],
    ['dead-letter', deadLettered],
    ['missed', missed],
    ['passed', missed],
    ['not-yet', notConsumed],
  ];

function atConsumers(facts: KeyState, explained: readonly ExplainedConsumer[]): Diagnosis | undefined {
  const occurring = explained.flatMap(statesAt);
  for (const [state, diagnose] of AT_CONSUMER) {
    const found = occurring.find((one) => one.state === state);
    if (found !== undefined) return diagnose(facts, found);
  }
  return undefined;
}

const nameOf = ({ shown: { pk } }: KeyState, { event }: StateAtConsumer): string =>
  event === undefined ? pk : `${pk} at ${shownPosition(event.position)} (${event.receipt ?? event.topic})`;

const optionsOf = ({ inbox, consumer }: ExplainedConsumer): string[] => ['--inbox', inbox, '--consumer', consumer];

function parkedThere(facts: KeyState, { explained }: StateAtConsumer): Diagnosis {
  const { pk } = facts.shown;
  const { consumer, topics } = explained;
  const parked = topics.flatMap((each) => each.parked ?? [])[0];
  const place = parked?.head === undefined ? '' : ` at ${formatReceipt(parked.head)}`;
  const since = parked === undefined ? '' : ` since ${timeOf(parked.since)}: ${parked.why}`;
  const isRequested = (parked?.requests.length ?? 0) > 0;
  return {
    verdict: 'parked-at-consumer',
    why: `${consumer} has parked ${pk}${place}${sentence(since)} ${waitBehind(parked?.waiting ?? 0, 'event')}.`,
    next: isRequested
      ? `the consumer already has a request to apply it. Does an instance run? ${outbox(facts, 'doctor')}`
      : `ask the owner of ${consumer} to fix the cause. Then ${outbox(facts, 'consumer', 'redrive', pk, ...optionsOf(explained))} --why "…" --follow`,
  };
}

function deadLettered(facts: KeyState, found: StateAtConsumer): Diagnosis {
  const { explained, event } = found;
  const { consumer, topics } = explained;
  const letters = topics.flatMap((each) => each.deadLetters ?? []);
  const letter = letters.find(({ id }) => id === event?.id) ?? letters.at(-1);
  const cause = letter && `${letter.reason}, ${letter.message} (${timeOf(letter.deadLetteredAt)})`;
  const topic = event?.topic ?? letter?.from.topic ?? topics[0]?.topic ?? '';
  const list = ['consumer', 'dead-letters', '--topic', topic, ...optionsOf(explained), '--key', facts.shown.pk];
  return {
    verdict: 'dead-letter',
    why: `${consumer} has sent ${nameOf(facts, found)} to its dead letters, without its effect${cause === undefined ? '' : `: ${cause}`}.`,
    next: `fix the cause${letter === undefined ? '' : ` (${letter.reason})`}, then ${outbox(facts, ...list)} --resend --as parked --why "…" shows what would be sent again; --yes sends it`,
  };
}

function missed(facts: KeyState, found: StateAtConsumer): Diagnosis {
  const { explained, event, state } = found;
  const { consumer, inbox } = explained;
  const name = nameOf(facts, found);
  const version = event && shownPosition(event.position);
  const range = version === undefined ? [] : ['--from', version, '--to', version];
  return {
    verdict: 'missed',
    why:
      state === 'missed'
        ? `${consumer} has applied later events of the key, and not ${name}.`
        : `the group of ${consumer} has read past ${name}, and ${inbox} has no trace of it: the consumer ignores its type, began later, or has another table.`,
    next: `${outbox(facts, 'replay', facts.shown.pk, ...range)} --why "missing at ${consumer}" shows what would be published again, to every consumer of the topic; only one with onReplay: 'apply' applies it`,
  };
}

function notConsumed(facts: KeyState, found: StateAtConsumer): Diagnosis {
  const { explained, event } = found;
  const { consumer, members, topics, missingDeadLetterTopics } = explained;
  const again = outbox(facts, 'explain', facts.shown.pk, ...optionsOf(explained));
  const published = `${nameOf(facts, found)} is published, and ${consumer} has not applied it`;
  if (members === 0) {
    return {
      verdict: 'not-consumed',
      why: `${published}: its group has no members, so no instance runs.`,
      next: `start an instance of ${consumer}, then ${again}`,
    };
  }
  const lacking = missingDeadLetterTopics.find(({ topic }) => topic === event?.topic);
  if (lacking !== undefined) {
    const create = outbox(facts, 'topic', 'create', lacking.deadLetters, '--like', lacking.topic);
    return {
      verdict: 'not-consumed',
      why: `${published}. Its topic for dead letters, ${lacking.deadLetters}, does not exist: a message that the consumer cannot apply blocks its partition.`,
      next: `ask the owner of ${consumer} for the reason in its log ("Could not send a message to its dead-letter topic"). If a deployment removes it (unknown-type: the new version), deploy: the partition continues in order. Otherwise ${create} --yes: the consumer then sends the message there without its effect, and applies later events of its key`,
    };
  }
  const behind = topics.find(({ topic }) => topic === (event?.topic ?? topic))?.messagesBehind;
  const messages = behind === '1' ? 'message of the partition comes' : 'messages of the partition come';
  return {
    verdict: 'not-consumed',
    why: `${published}${behind === undefined ? '' : `: ${behind} ${messages} before it`}.`,
    next:
      members === undefined
        ? `${outbox(facts, 'doctor')} shows whether an instance of ${consumer} runs`
        : `wait, then ${again}; if it stays, the log of ${consumer} (docs/runbooks/consumer-behind.md)`,
  };
}

function statesAt(explained: ExplainedConsumer): StateAtConsumer[] {
  const found = new Map<ConsumerEventState, EventAtConsumer | undefined>();
  for (const event of explained.events) if (!found.has(event.state)) found.set(event.state, event);
  // For items that have expired in the outbox, the consumer's table and Kafka still show the state.
  if (explained.topics.some(({ parked }) => parked !== undefined) && !found.has('parked')) {
    found.set('parked', undefined);
  }
  const isOpenLetter = explained.topics.some(
    ({ deadLettered, deadLetters }) =>
      deadLettered > 0 || (deadLetters ?? []).some(({ id }) => !isSettled(explained, id)),
  );
  if (isOpenLetter && !found.has('dead-letter') && !found.has('discarded')) found.set('dead-letter', undefined);
  return [...found].map(([state, event]) => ({ explained, state, event }));
}

/** Whether an event of a dead letter was applied or discarded since: the message stays on its topic. */
export const isSettled = ({ events }: Pick<ExplainedConsumer, 'events'>, id: string | undefined): boolean =>
  events.some((event) => event.id === id && (event.state === 'applied' || event.state === 'discarded'));

function endOf(facts: KeyState, explained: readonly ExplainedConsumer[]): Diagnosis {
  const { shown, notLookedAt } = facts;
  const { pk, items } = shown;
  const namesOf = (consumers: readonly ExplainedConsumer[]): string =>
    consumers.map(({ consumer }) => consumer).join(', ');
  const names = namesOf(explained);
  const discarded = items.filter(({ state }) => state === 'discarded').length;
  const without = discarded === 0 ? '' : ` An operator discarded ${discarded} of them in the outbox.`;
  const published =
    items.length === 0
      ? `The outbox has nothing of ${pk} any more.`
      : `All ${items.length} items of ${pk} in the table are published.${without}`;
  const undecided = (why: string, next: string): Diagnosis => ({
    verdict: 'undecided',
    why: `${published} ${why}`,
    next,
  });
  const again = outbox(facts, 'explain', pk);
  if (explained.length === 0) {
    return undecided(
      'No consumer was checked.',
      `${again} --inbox TABLE, with the table of the consumer that lacks it`,
    );
  }
  if (items.length === 0) {
    return undecided(
      `${names}: no event of it is parked or a dead letter. Whether its last event was applied cannot be decided without its items.`,
      'compare the sequence that the consumer has applied with the version in the data of the service',
    );
  }
  const events = explained.flatMap((one) => one.events);
  if (events.some(({ state }) => state === 'unknown')) {
    return undecided(
      `The topics of ${names} are not known, and its table has no trace of the key.`,
      `${again} where the brokers can be reached`,
    );
  }
  const readers = explained.filter((one) => one.events.length === 0 || one.events.some(isOfKnownTopic));
  if (readers.length === 0) {
    return undecided(
      `No known consumer (${names}) has read ${[...new Set(events.map(({ topic }) => topic))].join(', ')}, so its state there is not known.`,
      `ask the team that lacks the event; if it uses this package's consumer, ${again} --inbox TABLE, with its table`,
    );
  }
  return {
    verdict: 'applied',
    why: `${published} Applied by ${namesOf(readers)}${notLookedAt.length === 0 ? '' : ', as far as was checked'}.`,
  };
}

const isOfKnownTopic = ({ state }: EventAtConsumer): boolean => state !== 'not-read';

function explainConsumer(shown: ShownKey, facts: ConsumerState): ExplainedConsumer {
  const { consumer, inbox, keys, kafka } = facts;
  const events = shown.items
    .filter(({ state }) => state === 'processed')
    .flatMap((item) => eventsAt(item, facts, shown));
  return {
    consumer,
    inbox,
    topics: keys.map(({ key, state, appliedAt, parked }): ExplainedTopic => {
      const last = events.findLast((event) => event.topic === key.topic);
      const receipt = last?.receipt === undefined ? undefined : parseReceipt(last.receipt);
      const next = receipt === undefined ? undefined : kafka?.group.committed.get(partitionName(receipt));
      const isBehind = receipt !== undefined && next !== undefined && next <= receipt.offset;
      return {
        ...{ topic: key.topic, appliedUpTo: state.window.at(-1)?.sequence, appliedAt, parked },
        deadLetters: kafka?.deadLetters.get(key.topic),
        deadLettered: state.unapplied.length,
        messagesBehind: isBehind ? String(receipt.offset - next) : undefined,
      };
    }),
    events,
    members: kafka?.group.members,
    missingDeadLetterTopics: [...(kafka?.deadLetters ?? [])].flatMap(([topic, letters]) =>
      letters === undefined ? [{ topic, deadLetters: deadLetterTopic(topic, consumer) }] : [],
    ),
  };
}

function eventsAt(item: ShownItem, facts: ConsumerState, { pk }: ShownKey): EventAtConsumer[] {
  const aggregate = parsePartitionKey(pk)?.aggregate;
  return item.events.map(({ id = '', type, topic = '' }, index): EventAtConsumer => {
    const version = versionOfPosition(item.position);
    const sequence = version === undefined ? undefined : formatSequence({ version, index });
    const receipt = item.receipts[index];
    const key = facts.keys.find(
      (each) => each.key.topic === topic && each.key.source === item.source && isOf(each.key, aggregate),
    );
    const state = eventState({ id, sequence, topic, receipt }, key, facts);
    return { position: item.position, id, type, topic, receipt, state };
  });
}

/** An inbox key without an aggregate matches: its source names the aggregate, or an earlier version wrote it. */
const isOf = (key: InboxKey, aggregate: string | undefined): boolean =>
  key.aggregate === undefined || key.aggregate === aggregateIn(key.source, aggregate).aggregate;

function eventState(
  event: { readonly id: string; readonly sequence?: string; readonly topic: string; readonly receipt?: string },
  key: InboxKeyState | undefined,
  { topics, kafka }: ConsumerState,
): ConsumerEventState {
  const { id, topic } = event;
  const mark = key?.marks.get(id);
  if (mark !== undefined) return mark;
  const seen = sequencedOf(event);
  const state = key?.state;
  const decision = state && seen && decide(state, seen);
  if (decision?.kind === 'duplicate') return 'applied';
  const isNoted = state !== undefined && seen !== undefined && isUnapplied(state, seen);
  if (isNoted || lettersOf(kafka).some((letter) => letter.id === id)) return 'dead-letter';
  if (isParked(key, event)) return 'parked';
  // A later event of the key was applied, and the window would show this one.
  if (decision?.kind === 'late') return 'missed';
  const receipt = event.receipt === undefined ? undefined : parseReceipt(event.receipt);
  const next = receipt === undefined ? undefined : kafka?.group.committed.get(partitionName(receipt));
  if (receipt !== undefined && next !== undefined) return receipt.offset < next ? 'passed' : 'not-yet';
  const isRead = (key !== undefined && !isEmpty(key)) || topics?.includes(topic) === true;
  if (isRead) return 'not-yet';
  return topics === undefined ? 'unknown' : 'not-read';
}

/** Whether the event waits in the consumer's table, by its place in its key's order. */
function isParked(
  key: InboxKeyState | undefined,
  { id, sequence }: { readonly id: string; readonly sequence?: string },
): boolean {
  const parked = key?.parked;
  if (parked === undefined) return false;
  const { head } = parked;
  if (head === undefined || head.id === id) return true;
  return sequence === undefined || head.sequence === undefined || sequence >= head.sequence;
}

/** Messages of brokers and handlers end with a full stop, or without one. */
const sentence = (text: string): string => `${text.replace(/[.\s]+$/, '')}.`;

const timeOf = (epochMs: number): string =>
  Number.isFinite(epochMs) ? `${new Date(epochMs).toISOString().slice(0, 19)}Z` : String(epochMs);
