export { OutboxError } from './event/errors';
export type { OutboxErrorCode, OutboxErrorDetails } from './event/errors';
export { HOLD_REASONS, PARK_REASONS } from './event/control';
export type { AwaitedItem, Hold, HoldReason, ParkReason, ItemRefusal } from './event/control';
export type { AwaitedPartition, TopicPartition } from './event/topic-partition';
export type { HomeRegion } from './event/home-region';
export type { ItemState, ItemStateName, ParkedItem } from './event/item-state';
export type { DrainSignal, ReplaySignal, OperatorNote, SkipSignal } from './event/signal';
export type { InboxKey } from './consume/inbox-keys';
export type { KafkaAuth } from './kafka/broker-config';
export type { ReadSecret } from './kafka/secrets';
export type { RelayConfig } from './relay/environment';
export type { ConsumedRecord, HeaderValue } from './consume/record';
export type {
  ConsumerRequestResult,
  ConsumerRequestOutcome,
  ConsumerRequest,
  RedriveRequest,
  ResendAs,
  ResendRequest,
  ResentRequest,
  SkipRequest,
} from './consume/request';
export type { ConsumerLag } from './consume/applied';
export { consumerLag } from './operate/consumer/consumer-lag';
export type { KeyLag, TopicLag } from './operate/consumer/consumer-lag';
export { costOf } from './operate/cost';
export type { CostEstimate, KafkaWorkload, CostWorkload } from './operate/cost';
export { itemBorders } from './operate/item-borders';
export type { BorderSaving, ItemBorders, ItemBordersOptions, ItemFit, SizedItem } from './operate/item-borders';
export { itemSizes } from './operate/item-sizes';
export type { ItemSizesOptions, ItemSizesReport, TypeSizes } from './operate/item-sizes';
export { deadLetters } from './operate/consumer/dead-letters';
export type {
  DeadLetter,
  DeadLetterSelection,
  DeadLettersOptions,
  DeadLettersReport,
} from './operate/consumer/dead-letters';
export { planResend, resendDeadLetters } from './operate/consumer/resend';
export type { ResendOptions, ResendPlan, ResendReport, ResendTarget } from './operate/consumer/resend';
export { doctor } from './operate/doctor/doctor';
export type { DoctorReport } from './operate/doctor/doctor';
export type { DoctorOptions, DoctorTarget } from './operate/doctor/read-deployment';
export type { DoctorLine, DoctorVerdict } from './operate/doctor/lookup';
export { explain } from './operate/explain/explain';
export type { ExplainKafka, ExplainOptions, ExplainReport } from './operate/explain/explain';
export type {
  ConsumerKafkaState,
  EventAtConsumer,
  ConsumerEventState,
  ExplainedConsumer,
  ExplainedTopic,
  ExplainVerdict,
  KeyExplanation,
  NamedConsumer,
} from './operate/explain/diagnosis';
export type { ConsumerGroupState } from './operate/kafka-metadata';
export { explainKafka } from './operate/explain/explain';
export type { ExplainKafkaConnection } from './operate/explain/explain';
export { findRelay, inHomeRegion } from './operate/find-outbox';
export { findConsumers, findKafkaFunctions, findSweeper, findTable, findTopics } from './operate/find-outbox';
export type { DeployedConsumer, StackTarget } from './operate/find-outbox';
export { follow } from './operate/follow';
export type { FollowedKey, FollowOptions, FollowOutcome } from './operate/follow';
export type { GoneItem } from './operate/gone';
export type { MissingVersions } from './operate/verify/missing-versions';
export { planRestore, restore } from './operate/restore';
export type { RestorePlan, RestoreSource } from './operate/restore';
export { held } from './operate/held';
export type { HeldKey, HeldOptions } from './operate/held';
export type { KafkaTarget } from './operate/kafka-target';
export { parkedKeys } from './operate/consumer/parked';
export type { ConsumerTarget, InboxTarget } from './operate/consumer/inbox-contents';
export type { ListedParkedKey, ParkedHead, ParkedKey, ParkedOptions, ParkedSelection } from './operate/consumer/parked';
export { followParked, planParkedRedrive, redriveParked, skipParked } from './operate/consumer/redrive-parked';
export type {
  FollowedRequest,
  FollowParkedOptions,
  ParkedPlan,
  ParkedRedriveOptions,
  ParkedRedriveReport,
} from './operate/consumer/redrive-parked';
export { createInboxTable } from './operate/consumer/create-inbox-table';
export type { CreateInboxTableOptions } from './operate/consumer/create-inbox-table';
export { readAlarms } from './operate/alarms';
export type { DeployedAlarm } from './operate/alarms';
export { pageTest, planPageTest } from './operate/page-test';
export type { NoticeState, PagePath, PagePlan, PageResult, PageTestOptions } from './operate/page-test';
export { planRedrive, redrive } from './operate/redrive';
export type {
  RedriveOptions,
  RedrivePlan,
  RedriveReport,
  RedriveTarget,
  RelayRedrive,
  KeySelection,
} from './operate/redrive';
export { planTakeOver, takeOver } from './operate/take-over';
export type { TakeOverPlan } from './operate/take-over';
export { planReplay, replay, replayMissing } from './operate/replay';
export type { MissingEvent, ReplayPlan, ReplayRange, ReplayReport } from './operate/replay';
export { countStoredTypes } from './operate/stored-types';
export type { StoredTypesOptions } from './operate/stored-types';
export { show } from './operate/show';
export type { ShownItem, ShownKey } from './operate/show';
export { status } from './operate/status';
export type { PartitionStatus, StatusOptions, StatusReport } from './operate/status';
export { PRICE_LIST } from './operate/cost';
export type { ListPrice, ListPrices } from './operate/cost';
export { sweepNow } from './operate/sweep';
export type { SweepNowOptions } from './operate/sweep';
export type { OutboxTarget } from './operate/target';
export { verify } from './operate/verify/verify';
export type { ShortPartition, VerifyOptions, VerifyProgress, VerifyReport } from './operate/verify/verify';
export type { LeftGroup, UnreadTopic } from './operate/kafka-topic-reader';
export type { VerifyFinding, VerifyFindingCount, VerifyFindingKind, VerifiedEvent } from './operate/verify/comparison';
export { where } from './operate/where';
export type { EventLocation } from './operate/where';
export { asyncApiDocument, printAsyncApi } from './schema/asyncapi/document';
export type {
  AsyncApiChannel,
  AsyncApiDocument,
  AsyncApiMessage,
  AsyncApiOperation,
  AsyncApiOptions,
  AsyncApiOutboxExtension,
  AsyncApiReference,
  AsyncApiTopic,
} from './schema/asyncapi/document';
export { ASYNCAPI_COMPATIBILITIES, checkAsyncApi, parseAsyncApi } from './schema/asyncapi/check';
export type { AsyncApiCheckOptions, AsyncApiCompatibility, AsyncApiReport } from './schema/asyncapi/check';
export { parseBaseline, printBaseline } from './schema/baseline';
export type { SchemaBaseline, RecordedType, SchemaRevision } from './schema/baseline';
export type { DataSchemas } from './schema/describe';
export type { JsonSchema } from './schema/json-schema';
export { checkSchemas, SCHEMA_COMPATIBILITIES } from './schema/check';
export type { MatchedStoredType, SchemaCheckOptions, SchemaCompatibility } from './schema/check';
export type { SchemaFinding, SchemaFindingKind, SchemaReport, StoredType } from './schema/check';
export type { PassCause } from './sweep/full-pass';
export type { GapSuspicion, SweepReport } from './sweep/sweep';
