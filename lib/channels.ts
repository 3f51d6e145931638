export { CHANNELS, type ChannelEvent, type ReportChannel } from './event/channels';
export type { OperatorNote } from './event/signal';
export type { TopicPartition } from './event/topic-partition';
export { writeChannel, type WriteMessage } from './write/write-channel';
export {
  relayChannel,
  sendChannel,
  type RelayFact,
  type RelayReport,
  type SendMessage,
  type SendOutcome,
  type SentBatch,
} from './relay/telemetry-channels';
export {
  consumerChannel,
  processChannel,
  type ConsumerFact,
  type ConsumerReport,
  type ProcessedEvent,
  type ProcessMessage,
} from './consume/telemetry-channels';
export type { EventEnvelope, UndecodableReason } from './consume/decode';
export type { SequenceGap } from './consume/gap';
export type { InboxKey } from './consume/inbox-keys';
export type { DeadLetterReason, MessagesGone } from './consume/ports';
export type { ConsumerRequestOutcome, ConsumerRequestResult } from './consume/request';
