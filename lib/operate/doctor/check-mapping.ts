import { isDeepStrictEqual } from 'node:util';
import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { EventSourceMappingConfiguration, FunctionConfiguration } from '@aws-sdk/client-lambda';
import { environmentReader } from '../../event/environment';
import { OutboxError } from '../../event/errors';
import { decodeHomeRegion, type HomeRegion } from '../../event/home-region';
import { BROKERS_VARIABLE } from '../../kafka/broker-config';
import { MAPPING_SETTINGS, mappingFilters } from '../../relay/mapping-settings';
import { variablesOf, type Rights } from './check-functions';
import { BY_HAND, type CheckResult, ok, warn, wrong } from './line';
import { existing, known, type Lookup, then } from './lookup';

/** A mapping on a stream of the table, with its function, which is `undefined` if it was deleted. */
export interface Reader {
  readonly mapping: EventSourceMappingConfiguration;
  readonly function: Lookup<FunctionConfiguration | undefined>;
  readonly concurrency: Lookup<number | undefined>;
  readonly rights: Lookup<Rights>;
}

/** A shard serves two readers at a time; more are throttled. */
const MAX_READERS = 2;

const streamOf = ({ StreamSpecification: stream, LatestStreamArn: latest }: TableDescription): string | undefined =>
  stream?.StreamEnabled === true ? latest : undefined;

/** A function that cannot be read may be a relay. */
function mayBeRelay({ function: lookup }: Reader): boolean {
  const variables = then(existing(lookup, 'function'), variablesOf);
  return 'because' in variables || BROKERS_VARIABLE in variables.value;
}

/** The mapping that invokes the relay. */
export function relayOf(table: TableDescription, readers: readonly Reader[]): Lookup<Reader> {
  const streamArn = streamOf(table);
  const [relay, ...others] = readers.filter(
    (reader) => reader.mapping.EventSourceArn === streamArn && mayBeRelay(reader),
  );
  if (relay === undefined) return { because: 'no relay reads the stream' };
  return others.length === 0 ? known(relay) : { because: 'more than one relay reads the stream' };
}

const nameOf = ({ mapping: { UUID: uuid = '', FunctionArn: arn = '' } }: Reader): string =>
  `${uuid} (${arn.split(':').slice(6).join(':')})`;

export function checkReaders([table, readers]: readonly [TableDescription, readonly Reader[]]): CheckResult {
  const streamArn = streamOf(table);
  if (streamArn === undefined) return wrong('none: the table has no stream', 'Switch the stream on first.');
  const all = readers.filter(({ mapping }) => mapping.EventSourceArn === streamArn);
  const relays = all.filter(mayBeRelay);
  const text = all.length === 0 ? 'none' : all.map(nameOf).join(', ');
  if (relays.length === 0) {
    return wrong(
      `${text}: no relay reads the stream`,
      `Deploy the stack. If it is deployed, its mapping was deleted or reads a former stream. ${BY_HAND} Make it: ${creation(streamArn, readers.find(mayBeRelay))}.`,
    );
  }
  if (relays.length > 1) {
    return wrong(
      `${text}: ${relays.length} relays, and each publishes everything`,
      'Keep the mapping of your stack, and delete the others: `aws lambda delete-event-source-mapping --uuid <uuid>`.',
    );
  }
  return all.length <= MAX_READERS
    ? ok(text)
    : wrong(
        `${text}: more than ${MAX_READERS} readers are throttled, the relay too`,
        'Let the other functions consume the topics, and delete their mappings.',
      );
}

export function checkFormerReaders([table, readers]: readonly [TableDescription, readonly Reader[]]): CheckResult {
  const streamArn = streamOf(table);
  const former = readers.filter(({ mapping }) => mapping.EventSourceArn !== streamArn);
  const deletions = former.map(({ mapping: { UUID: uuid = '' } }) => `\`${deletion(uuid)}\``);
  return former.length === 0
    ? ok('none')
    : wrong(
        former.map((reader) => `${nameOf(reader)} on ${reader.mapping.EventSourceArn ?? '?'}`).join(', '),
        `The stream was switched off, and a mapping stays with its stream. Delete it: ${deletions.join(', ')}. The sweeper finds the events that it had not delivered.`,
      );
}

export function checkMappingState({ mapping }: Reader): CheckResult {
  const { UUID: uuid = '', State: state = 'without a state', StateTransitionReason: reason } = mapping;
  const text = reason === undefined ? state : `${state}: ${reason}`;
  switch (state) {
    case 'Enabled':
      return ok(text);
    case 'Creating':
    case 'Enabling':
    case 'Updating':
      return warn(text, 'It reads within minutes. Run doctor again.');
    default:
      return wrong(
        text,
        `\`aws lambda update-event-source-mapping --uuid ${uuid} --enabled\`. It resumes where it stopped. The sweeper finds the events of records that the stream dropped after 24 hours.`,
      );
  }
}

export const checkLocalMapping = (state: 'Enabled' | 'Disabled'): CheckResult =>
  state === 'Enabled'
    ? ok(state)
    : wrong(
        state,
        'The process that runs the local stack has disabled it: the relay is not invoked until it is enabled there.',
      );

export function checkLastResult({ mapping: { LastProcessingResult: result } }: Reader): CheckResult {
  if (result === undefined) return ok('none yet');
  if (result === 'OK' || result === 'No records processed') return ok(result);
  const remedy = 'The log of the relay has the reason; `outbox status` shows which events wait.';
  return result.startsWith('PROBLEM') ? wrong(result, remedy) : warn(result, remedy);
}

export interface Setting {
  readonly name: string;
  readonly wanted: (home?: HomeRegion) => unknown;
  readonly of: (mapping: EventSourceMappingConfiguration) => Lookup<unknown>;
  /** The argument of the AWS CLI. */
  readonly argument: (home?: HomeRegion) => string;
  /** The setting cannot change after the mapping is created. */
  readonly fixed?: true;
}

const REPORT = 'ReportBatchItemFailures';

export const SETTINGS: readonly Setting[] = [
  {
    name: 'starting position',
    wanted: () => MAPPING_SETTINGS.startingPosition,
    of: ({ StartingPosition }) => known(StartingPosition),
    argument: () => `--starting-position ${MAPPING_SETTINGS.startingPosition}`,
    fixed: true,
  },
  {
    name: 'filter',
    wanted: mappingFilters,
    of: filterOf,
    argument: (home) =>
      `--filter-criteria '${JSON.stringify({ Filters: mappingFilters(home).map((pattern) => ({ Pattern: JSON.stringify(pattern) })) })}'`,
  },
  {
    name: 'batch size',
    wanted: () => MAPPING_SETTINGS.batchSize,
    of: ({ BatchSize }) => known(BatchSize),
    argument: () => `--batch-size ${MAPPING_SETTINGS.batchSize}`,
  },
  {
    name: 'parallelization factor',
    wanted: () => MAPPING_SETTINGS.parallelizationFactor,
    of: ({ ParallelizationFactor }) => known(ParallelizationFactor),
    argument: () => `--parallelization-factor ${MAPPING_SETTINGS.parallelizationFactor}`,
  },
  {
    name: 'bisect on error',
    wanted: () => MAPPING_SETTINGS.bisectBatchOnError,
    of: ({ BisectBatchOnFunctionError }) => known(BisectBatchOnFunctionError),
    argument: () => '--bisect-batch-on-function-error',
  },
  {
    name: 'partial answers',
    wanted: () => MAPPING_SETTINGS.reportBatchItemFailures,
    of: ({ FunctionResponseTypes: types = [] }) => known(types.includes(REPORT)),
    argument: () => `--function-response-types ${REPORT}`,
  },
  {
    name: 'retries',
    wanted: () => MAPPING_SETTINGS.retryAttempts,
    of: ({ MaximumRetryAttempts }) => known(MaximumRetryAttempts),
    argument: () => `--maximum-retry-attempts ${MAPPING_SETTINGS.retryAttempts}`,
  },
  {
    name: 'record age',
    wanted: () => MAPPING_SETTINGS.maxRecordAgeSeconds,
    of: ({ MaximumRecordAgeInSeconds }) => known(MaximumRecordAgeInSeconds),
    argument: () => `--maximum-record-age-in-seconds ${MAPPING_SETTINGS.maxRecordAgeSeconds}`,
  },
];

/** Lambda lists an encrypted filter as none. */
function filterOf({ FilterCriteria: criteria, KMSKeyArn: key }: EventSourceMappingConfiguration): Lookup<unknown> {
  if (criteria === undefined && key !== undefined) return { because: `it is encrypted with ${key}` };
  return known((criteria?.Filters ?? []).map(({ Pattern: pattern = '' }) => parsed(pattern)));
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}

export const checkSetting =
  ({ wanted, argument, fixed }: Setting) =>
  ([reader, found]: readonly [Reader, unknown]): CheckResult => {
    const text = found === undefined ? 'not set' : typeof found === 'string' ? found : JSON.stringify(found);
    const home = homeOf(reader);
    if (isDeepStrictEqual(found, wanted(home))) return ok(text);
    const { UUID: uuid = '', EventSourceArn: streamArn = '' } = reader.mapping;
    return wrong(
      text,
      fixed === true
        ? `It can only be set when a mapping is created. \`${deletion(uuid)}\`, then ${creation(streamArn, reader)}. Events of the last half hour may be published again.`
        : `\`aws lambda update-event-source-mapping --uuid ${uuid} ${argument(home)}\`. ${BY_HAND}`,
    );
  };

/** The home region of a relay, if its table has several. A check of its own reports an invalid configuration. */
function homeOf(reader: Reader | undefined): HomeRegion | undefined {
  if (reader === undefined) return undefined;
  const variables = then(existing(reader.function, 'function'), variablesOf);
  if ('because' in variables) return undefined;
  try {
    return decodeHomeRegion(environmentReader(variables.value, 'Outbox'));
  } catch (error) {
    if (error instanceof OutboxError && error.is('invalid-environment')) return undefined;
    throw error;
  }
}

const deletion = (uuid: string): string => `aws lambda delete-event-source-mapping --uuid ${uuid}`;

const creation = (streamArn: string, reader: Reader | undefined): string =>
  `\`aws lambda create-event-source-mapping --function-name ${reader?.mapping.FunctionArn ?? '<relay>'} --event-source-arn ${streamArn} ${SETTINGS.map(({ argument }) => argument(homeOf(reader))).join(' ')}\``;
