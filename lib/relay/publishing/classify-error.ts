import { namedMessageOf } from '../../event/errors';
import type { ParkReason } from '../../event/control';
import { kafkaCausesOf, protocolErrorIn, protocolErrorOf } from '../../kafka/protocol-error';
import type { Failure, Outage, Poison } from '../ports';

/**
 * Protocol errors that would repeat for the same record. All others are temporary or general. A `TypeError` of the
 * client is no refusal: unencodable content never reaches it, so it is a fault of the client.
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

/** Classifies an error of a client by the protocol error in its chain of causes, never by its message. */
export function classify(error: unknown): Failure {
  const outage = outageOf(error);
  const reason = POISON.get(protocolErrorOf(error) ?? '');
  return reason === undefined ? outage : { ...outage, kind: 'poison', reason };
}

/** As {@link classify}, with a message for operators that names `topic`. */
export function classifyOf(topic: string, error: unknown): Failure {
  const failure = classify(error);
  return failure.kind === 'outage' ? failure : { ...failure, message: refusalText(topic, failure, error) };
}

/** Kafka's own texts name no topic: "This server does not host this topic-partition". */
function refusalText(topic: string, { reason, message }: Poison, error: unknown): string {
  const type = protocolErrorOf(error);
  if (type === 'INVALID_TOPIC_EXCEPTION') return `Kafka does not allow "${topic}" as the name of a topic (${type}).`;
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

/** The outage of a call that concerns no message, whatever the reason of the refusal. */
export function outageOf(error: unknown): Outage {
  const protocol = protocolErrorIn(error);
  if (protocol !== undefined) return { kind: 'outage', message: `${protocol.type}: ${protocol.message}`, cause: error };
  const message = namedMessageOf(error);
  const broker = brokerIn(error);
  const named = broker === undefined || message.includes(broker) ? message : `${message} (broker ${broker})`;
  return { kind: 'outage', message: named, cause: error };
}

/** Whether the leader has written the messages while the replicas did not confirm in time; they may confirm later. */
export const mayBeWritten = (error: unknown): boolean => UNCONFIRMED.has(protocolErrorOf(error) ?? '');

const UNCONFIRMED: ReadonlySet<string> = new Set(['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND']);

/** Clients record the broker of a failed connection or request, but rarely name it in the message. */
function brokerIn(error: unknown): string | undefined {
  for (const { broker } of kafkaCausesOf(error)) if (typeof broker === 'string' && broker !== '') return broker;
  return undefined;
}
