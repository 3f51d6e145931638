import type { ParkReason } from '../event/control';
import type { Failure, Outage, Poison } from './ports';

/**
 * The protocol errors that the same record would meet for ever; every other one passes or concerns everybody. Nor is a
 * `TypeError` of the client a refusal: what cannot be encoded never reaches it, so it is a fault of the client itself.
 */
const POISON: ReadonlyMap<string, ParkReason> = new Map<string, ParkReason>([
  ['MESSAGE_TOO_LARGE', 'message-too-large'],
  ['RECORD_LIST_TOO_LARGE', 'message-too-large'],
  ['INVALID_RECORD', 'message-refused'],
  ['POLICY_VIOLATION', 'message-refused'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'unknown-topic'],
  ['INVALID_TOPIC_EXCEPTION', 'unknown-topic'],
  ['TOPIC_AUTHORIZATION_FAILED', 'topic-not-authorized'],
]);

/** Errors wrap errors; a chain that bites its own tail must end somewhere. */
const MAX_DEPTH = 8;

/** What an error thrown by kafkajs means: decided by the protocol error in its chain of causes, never by a message. */
export function classify(error: unknown): Failure {
  const outage = outageOf(error);
  const reason = POISON.get(protocolError(error) ?? '');
  return reason === undefined ? outage : { ...outage, kind: 'poison', reason };
}

/** As {@link classify}, with a message for operators that names the topic that was asked for or written to. */
export function classifyOf(topic: string, error: unknown): Failure {
  const failure = classify(error);
  return failure.kind === 'outage' ? failure : { ...failure, message: refusalText(topic, failure, error) };
}

/** Kafka's own texts name nothing: "This server does not host this topic-partition". */
function refusalText(topic: string, { reason, message }: Poison, error: unknown): string {
  const type = protocolError(error);
  if (type === 'INVALID_TOPIC_EXCEPTION') return `Kafka takes no topic by the name "${topic}" (${type}).`;
  switch (reason) {
    case 'unknown-topic':
      return `Topic "${topic}" does not exist (${type}).`;
    case 'topic-not-authorized':
      return `The relay may not write to topic "${topic}" (${type}).`;
    case 'message-too-large':
      return `The message is larger than "max.message.bytes" of topic "${topic}" (${type}).`;
    default:
      return `Topic "${topic}": ${message}`;
  }
}

/** The failure of a call that concerns no message, whatever it was refused for. */
export function outageOf(error: unknown): Outage {
  const answered = protocolErrorIn(error);
  if (answered !== undefined) return { kind: 'outage', message: `${answered.type}: ${answered.message}`, cause: error };
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const broker = brokerIn(error);
  const named = broker === undefined || message.includes(broker) ? message : `${message} (broker ${broker})`;
  return { kind: 'outage', message: named, cause: error };
}

/** The leader has written the messages, and the replicas did not confirm it in time: perhaps they will. */
export const mayBeWritten = (error: unknown): boolean => UNCONFIRMED.has(protocolError(error) ?? '');

const UNCONFIRMED: ReadonlySet<string> = new Set(['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND']);

/** The name of the protocol error in an error's chain of causes, if a broker answered one. */
export const protocolError = (error: unknown): string | undefined => protocolErrorIn(error)?.type;

/** A refusal of the topic, not of one message. kafkajs may report the one of another topic that the producer knows. */
export const concernsTopic = (failure: Failure): failure is Poison =>
  failure.kind === 'poison' && (failure.reason === 'unknown-topic' || failure.reason === 'topic-not-authorized');

/** A refusal of what was sent: the broker wrote nothing of it and never will. */
export const concernsMessages = (failure: Failure): failure is Poison =>
  failure.kind === 'poison' && !concernsTopic(failure);

/** kafkajs notes the broker of a connection or request that failed, and rarely says so in its message. */
function brokerIn(error: unknown): string | undefined {
  for (const { broker } of linksOf(error)) if (typeof broker === 'string' && broker !== '') return broker;
  return undefined;
}

/** The error of the protocol, on what a broker answered, is the name in `type`; kafkajs wraps it once retries run out. */
function protocolErrorIn(error: unknown): { readonly type: string; readonly message: string } | undefined {
  for (const { type, message } of linksOf(error)) if (typeof type === 'string') return { type, message };
  return undefined;
}

interface Link extends Error {
  readonly type?: unknown;
  readonly broker?: unknown;
  readonly originalError?: unknown;
}

/** An error and what it wraps. */
function* linksOf(error: unknown): Generator<Link> {
  let link = error;
  for (let depth = 0; depth < MAX_DEPTH && link instanceof Error; depth++) {
    const known: Link = link;
    yield known;
    link = known.cause ?? known.originalError;
  }
}
