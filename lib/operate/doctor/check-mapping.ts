import { isDeepStrictEqual } from 'node:util';
import type { TableDescription } from '@aws-sdk/client-dynamodb';
import type { EventSourceMappingConfiguration } from '@aws-sdk/client-lambda';
import { environmentReader } from '../../event/environment';
import { decodeHomeRegion, type HomeRegion } from '../../event/home-region';
import { BROKERS_VARIABLE } from '../../kafka/broker-config';
import { MAPPING_SETTINGS, mappingFilters } from '../../relay/mapping-settings';
import { configOf, functionIn, variablesOf } from './check-functions';
import type { Deployment, Reader } from './deployment';
import {
  BY_HAND,
  line,
  ok,
  warn,
  wrong,
  both,
  known,
  then,
  type CheckResult,
  type DoctorLine,
  type Lookup,
} from './lookup';

export function mappingLines(
  { localMapping }: Deployment,
  mappings: Lookup<readonly [TableDescription, readonly Reader[]]>,
  relay: Lookup<Reader>,
): readonly DoctorLine[] {
  return [
    line('mapping', mappings, checkReaders),
    line('mappings of former streams', mappings, checkFormerReaders),
    localMapping === undefined
      ? line('mapping: state', relay, checkMappingState)
      : line('mapping: state', known(localMapping), checkLocalMapping),
    line('mapping: last result', relay, checkLastResult),
    ...SETTINGS.map((setting) => {
      const found = then(relay, (reader) => both(known(reader), setting.of(reader.mapping)));
      return line(`mapping: ${setting.name}`, found, checkSetting(setting));
    }),
  ];
}

/** A shard serves two readers at a time; more are throttled. */
const MAX_READERS = 2;

const streamOf = ({ StreamSpecification: stream, LatestStreamArn: latest }: TableDescription): string | undefined =>
  stream?.StreamEnabled === true ? latest : undefined;

/** A function that cannot be read may be a relay. */
function mayBeRelay(reader: Reader): boolean {
  const variables = then(functionIn(reader), variablesOf);
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

function checkReaders([table, readers]: readonly [TableDescription, readonly Reader[]]): CheckResult {
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

function checkFormerReaders([table, readers]: readonly [TableDescription, readonly Reader[]]): CheckResult {
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

function checkMappingState({ mapping }: Reader): CheckResult {
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

const checkLocalMapping = (state: 'Enabled' | 'Disabled'): CheckResult =>
  state === 'Enabled'
    ? ok(state)
    : wrong(
        state,
        'The process that runs the local stack has disabled it: the relay is not invoked until it is enabled there.',
      );

function checkLastResult({ mapping: { LastProcessingResult: result } }: Reader): CheckResult {
  if (result === undefined) return ok('none yet');
  if (result === 'OK' || result === 'No records processed') return ok(result);
  const remedy = 'The log of the relay has the reason; `outbox status` shows which events wait.';
  return result.startsWith('PROBLEM') ? wrong(result, remedy) : warn(result, remedy);
}

interface Setting {
  readonly name: string;
  readonly wanted: (home?: HomeRegion) => unknown;
  readonly of: (mapping: EventSourceMappingConfiguration) => Lookup<unknown>;
  /** The argument of the AWS CLI. */
  readonly argument: (home?: HomeRegion) => string;
  /** The setting cannot change after the mapping is created. */
  readonly fixed?: true;
}

/** A setting that Lambda describes as it was given. A flag of the AWS CLI has no value. */
const setting = (
  name: string,
  wanted: unknown,
  attribute: keyof EventSourceMappingConfiguration,
  option: string,
): Setting => ({
  name,
  wanted: () => wanted,
  of: (mapping) => known(mapping[attribute]),
  argument: () => (wanted === true ? option : `${option} ${String(wanted)}`),
});

const REPORT = 'ReportBatchItemFailures';
const WANTED = MAPPING_SETTINGS;

const SETTINGS: readonly Setting[] = [
  { ...setting('starting position', WANTED.startingPosition, 'StartingPosition', '--starting-position'), fixed: true },
  {
    name: 'filter',
    wanted: mappingFilters,
    of: filterOf,
    argument: (home) =>
      `--filter-criteria '${JSON.stringify({ Filters: mappingFilters(home).map((pattern) => ({ Pattern: JSON.stringify(pattern) })) })}'`,
  },
  setting('batch size', WANTED.batchSize, 'BatchSize', '--batch-size'),
  setting('parallelization factor', WANTED.parallelizationFactor, 'ParallelizationFactor', '--parallelization-factor'),
  setting(
    'bisect on error',
    WANTED.bisectBatchOnError,
    'BisectBatchOnFunctionError',
    '--bisect-batch-on-function-error',
  ),
  {
    name: 'partial answers',
    wanted: () => WANTED.reportBatchItemFailures,
    of: ({ FunctionResponseTypes: types = [] }) => known(types.includes(REPORT)),
    argument: () => `--function-response-types ${REPORT}`,
  },
  setting('retries', WANTED.retryAttempts, 'MaximumRetryAttempts', '--maximum-retry-attempts'),
  setting('record age', WANTED.maxRecordAgeSeconds, 'MaximumRecordAgeInSeconds', '--maximum-record-age-in-seconds'),
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

const checkSetting =
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
  const home = then(functionIn(reader), (found) =>
    configOf(found, (variables) => decodeHomeRegion(environmentReader(variables, 'Outbox'))),
  );
  return 'because' in home ? undefined : home.value;
}

const deletion = (uuid: string): string => `aws lambda delete-event-source-mapping --uuid ${uuid}`;

const creation = (streamArn: string, reader: Reader | undefined): string =>
  `\`aws lambda create-event-source-mapping --function-name ${reader?.mapping.FunctionArn ?? '<relay>'} --event-source-arn ${streamArn} ${SETTINGS.map(({ argument }) => argument(homeOf(reader))).join(' ')}\``;
