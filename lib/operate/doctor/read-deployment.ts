import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  ResourceNotFoundException as TableNotFoundException,
} from '@aws-sdk/client-dynamodb';
import {
  GetRoleCommand,
  paginateSimulatePrincipalPolicy,
  type EvaluationResult,
  type IAMClient,
} from '@aws-sdk/client-iam';
import type { KafkaClient } from '@aws-sdk/client-kafka';
import {
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  paginateListEventSourceMappings,
  ResourceNotFoundException as FunctionNotFoundException,
  type EventSourceMappingConfiguration,
  type FunctionConfiguration,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import type { SNSClient } from '@aws-sdk/client-sns';
import { GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts';
import { environmentReader } from '../../event/environment';
import { RELAY_ACTIONS, SWEEPER_ACTIONS } from '../../event/table-actions';
import { decodeBrokerConfig } from '../../kafka/broker-config';
import { controlStore } from '../../relay/dynamodb/control';
import { OUTBOX_NAME_VARIABLE } from '../../relay/environment';
import type { NamedConsumer } from '../explain/diagnosis';
import type { KafkaTarget } from '../kafka-target';
import type { OutboxTarget } from '../target';
import { configOf, functionIn, variablesOf } from './check-functions';
import { relayOf } from './check-mapping';
import type { Deployment, Permissions, Reader, Rights } from './deployment';
import { both, existing, known, lookUp, map, NOT_LOCAL, then, type Lookup } from './lookup';
import { brokersOf, type KafkaFunction } from './read-brokers';
import { readKafka } from './read-kafka';
import { alarmsOf, noticeTopicsOf, sweeperRunsOf } from './read-monitoring';

/** A client that is left out stands for a service that does not exist, as on the local stack. */
export interface DoctorTarget extends OutboxTarget {
  readonly lambda?: LambdaClient;
  readonly sts?: STSClient;
  readonly iam?: IAMClient;
  readonly cloudwatch?: CloudWatchClient;
  readonly sns?: SNSClient;
  readonly kafka?: KafkaClient;
}

/** Facts that cannot be found from the table. */
export interface DoctorOptions {
  /** State of the event source mapping on a local stack, which has no Lambda to ask. */
  readonly localMapping?: 'Enabled' | 'Disabled';
  /** The sweeper of the deployed stack: nothing in the table leads to it. Left out: the sweeper is not checked. */
  readonly sweeperFunctionName?: string;
  /** Functions of the stack that reach Kafka: their brokers are compared too. Default: the relay's alone. */
  readonly kafkaFunctionNames?: readonly string[];
  /**
   * The cluster whose brokers, topics and consumer groups are checked, or why it is not known. The table is scanned for
   * the topics of its items, for at most 20 seconds. Left out: the report does not have these checks.
   */
  readonly kafkaTarget?: KafkaTarget | { readonly because: string };
  /** Consumers whose topics, dead-letter topics and groups are checked, with `kafkaTarget`. */
  readonly consumers?: readonly NamedConsumer[];
}

/** Reads everything that `doctor` checks from AWS, and changes nothing. A refused call becomes an unknown lookup. */
export async function readDeployment(
  target: DoctorTarget,
  { sweeperFunctionName, kafkaFunctionNames = [], kafkaTarget, consumers = [], localMapping }: DoctorOptions,
): Promise<Deployment> {
  const { client, tableName, lambda } = target;
  const TableName = tableName;
  const [table, timeToLive, backups, state, sweeper] = await Promise.all([
    lookUp(() => client.send(new DescribeTableCommand({ TableName })), TableNotFoundException),
    lookUp(() => client.send(new DescribeTimeToLiveCommand({ TableName }))),
    lookUp(() => client.send(new DescribeContinuousBackupsCommand({ TableName }))),
    lookUp(() => controlStore(target).read()),
    sweeperOf(lambda, sweeperFunctionName),
  ]);
  const description = map(table, (found) => found?.Table);
  const tableArn = existing(
    map(description, (found) => found?.TableArn),
    'table',
  );
  const [readers, permissions, sweeperRights, sweeperConcurrency] = await Promise.all([
    ifKnown(tableArn, (arn) => readersOf(target, arn)),
    ifKnown(tableArn, (arn) => permissionsOf(target, arn)),
    ifKnown(tableArn, (arn) => rightsOf(target.iam, sweeper, SWEEPER_ACTIONS, arn)),
    concurrencyOf(lambda, sweeper),
  ]);
  const relay = then(both(existing(description, 'table'), readers), ([found, all]) => relayOf(found, all));
  const [alarms, brokers] = await Promise.all([
    ifKnown(then(relay, relayNameOf), (outboxName) => alarmsOf(target.cloudwatch, outboxName)),
    ifKnown(await kafkaFunctionsOf(lambda, relay, kafkaFunctionNames), (found) => brokersOf(target.kafka, found)),
  ]);
  return {
    tableName,
    home: target.home,
    table: description,
    timeToLive: map(timeToLive, ({ TimeToLiveDescription }) => TimeToLiveDescription ?? {}),
    backups: map(backups, ({ ContinuousBackupsDescription: found }) => found ?? {}),
    state,
    readers,
    sweeper,
    sweeperConcurrency,
    sweeperRights,
    brokers,
    alarms,
    sweeperRuns: await sweeperRunsOf(target.cloudwatch, sweeper),
    noticeTopics: await noticeTopicsOf(target.sns, alarms),
    permissions,
    localMapping,
    ...(kafkaTarget === undefined ? {} : { kafka: await readKafka(target, kafkaTarget, consumers) }),
  };
}

const ifKnown = <T, U>(lookup: Lookup<T>, ask: (value: T) => Promise<Lookup<U>>): Promise<Lookup<U>> =>
  'because' in lookup ? Promise.resolve(lookup) : ask(lookup.value);

/** Alarms and metrics begin with the name of the outbox, which its relay knows. */
const relayNameOf = (relay: Reader): Lookup<string> =>
  then(then(functionIn(relay), variablesOf), ({ [OUTBOX_NAME_VARIABLE]: outboxName }) =>
    outboxName === undefined ? { because: 'the relay does not know the name of its outbox' } : known(outboxName),
  );

/** The relay, and the functions of the stack that use Kafka. One that cannot be read is left to its own check. */
async function kafkaFunctionsOf(
  lambda: LambdaClient | undefined,
  relay: Lookup<Reader>,
  names: readonly string[],
): Promise<Lookup<KafkaFunction[]>> {
  if (lambda === undefined) return NOT_LOCAL;
  const relayFunction = then(relay, functionIn);
  const relayName = 'because' in relayFunction ? undefined : relayFunction.value.FunctionName;
  const others = await Promise.all(names.filter((name) => name !== relayName).map((name) => functionOf(lambda, name)));
  const functions = [relayFunction, ...others].flatMap((lookup) => {
    const one = then(existing(lookup, 'function'), kafkaFunctionOf);
    return 'because' in one ? [] : [one.value];
  });
  return functions.length > 0 || !('because' in relayFunction) ? known(functions) : relayFunction;
}

const kafkaFunctionOf = (found: FunctionConfiguration): Lookup<KafkaFunction> =>
  map(
    configOf(found, (variables) => decodeBrokerConfig(environmentReader(variables, 'Outbox'))),
    ({ brokers, auth }) => ({ functionName: found.FunctionName ?? '', brokers, auth }),
  );

const functionOf = (lambda: LambdaClient, name: string): Promise<Lookup<FunctionConfiguration | undefined>> =>
  lookUp(() => lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name })), FunctionNotFoundException);

async function sweeperOf(lambda: LambdaClient | undefined, name: string | undefined): Promise<Deployment['sweeper']> {
  if (lambda === undefined) return NOT_LOCAL;
  if (name === undefined)
    return { because: 'the sweeper cannot be found from the table', remedy: 'Name the stack: --stack NAME.' };
  return functionOf(lambda, name);
}

/** Reads all mappings of the Region: Lambda finds them by a whole ARN, and nothing lists a table's former streams. */
async function readersOf({ lambda, iam }: DoctorTarget, tableArn: string): Promise<Deployment['readers']> {
  if (lambda === undefined) return NOT_LOCAL;
  const mappings = await lookUp(async () => {
    const found: EventSourceMappingConfiguration[] = [];
    for await (const page of paginateListEventSourceMappings({ client: lambda }, {})) {
      found.push(...(page.EventSourceMappings ?? []));
    }
    return found.filter(
      ({ EventSourceArn: arn, State: state }) =>
        arn?.startsWith(`${tableArn}/stream/`) === true && state !== 'Deleting',
    );
  });
  if ('because' in mappings) return mappings;
  const readers = mappings.value.map(async (mapping): Promise<Reader> => {
    const found = await functionOf(lambda, mapping.FunctionArn ?? '');
    const [concurrency, rights] = await Promise.all([
      concurrencyOf(lambda, found),
      rightsOf(iam, found, RELAY_ACTIONS, tableArn),
    ]);
    return { mapping, function: found, concurrency, rights };
  });
  return known(await Promise.all(readers));
}

async function aboutFunction<Client, T>(
  client: Client | undefined,
  lookup: Lookup<FunctionConfiguration | undefined>,
  ask: (client: Client, found: FunctionConfiguration) => Promise<Lookup<T>>,
): Promise<Lookup<T>> {
  const found = existing(lookup, 'function');
  if ('because' in found) return found;
  return client === undefined ? NOT_LOCAL : ask(client, found.value);
}

const concurrencyOf = (lambda: LambdaClient | undefined, lookup: Lookup<FunctionConfiguration | undefined>) =>
  aboutFunction(lambda, lookup, async (client, { FunctionName }) => {
    const answer = await lookUp(() => client.send(new GetFunctionConcurrencyCommand({ FunctionName })));
    return map(answer, ({ ReservedConcurrentExecutions }) => ReservedConcurrentExecutions);
  });

const rightsOf = (
  iam: IAMClient | undefined,
  lookup: Lookup<FunctionConfiguration | undefined>,
  actions: readonly string[],
  tableArn: string,
) =>
  aboutFunction(iam, lookup, async (client, { Role: role }): Promise<Lookup<Rights>> => {
    if (role === undefined) return { because: 'Lambda does not name its role' };
    return simulateRole(client, role, actions, tableArn);
  });

/** Table actions that an operator needs, and the commands that need them. Transactions have no own action. */
export const OPERATOR_ACTIONS = {
  /** The control partition; the items of a key. */
  'dynamodb:Query': ['explain', 'status', 'held', 'show', 'where', 'redrive', 'sweep', 'verify', 'doctor'],
  /** One hold; the revision of a large control partition; the item that a key waits for. */
  'dynamodb:GetItem': ['explain', 'status', 'held', 'show', 'where', 'redrive', 'restore', 'sweep', 'verify', 'doctor'],
  /** Every item: to count them, to find what the stream lost, or what was committed at some time. */
  'dynamodb:Scan': ['explain', 'status', 'replay', 'sweep', 'verify', 'doctor'],
  /** Signals. Restoring an item takes it as well. */
  'dynamodb:PutItem': ['redrive', 'replay', 'sweep'],
  /** The note of a redrive; a suspected gap of the stream; an unprocessable signal. */
  'dynamodb:UpdateItem': ['redrive', 'sweep'],
  /** A signal that was lost, together with the put of its successor. */
  'dynamodb:DeleteItem': ['sweep'],
  /** Which stream the table has, and whether it has several regions. */
  'dynamodb:DescribeTable': ['status', 'held', 'show', 'where', 'redrive', 'replay', 'sweep', 'verify', 'doctor'],
  'dynamodb:DescribeTimeToLive': ['doctor'],
  'dynamodb:DescribeContinuousBackups': ['doctor'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const ASK_OTHERS = `This check needs sts:GetCallerIdentity, iam:GetRole and iam:SimulatePrincipalPolicy. Without them, run the commands: each error names the missing permission. Together they need ${Object.keys(OPERATOR_ACTIONS).join(', ')} on the table.`;

async function permissionsOf({ sts, iam }: DoctorTarget, tableArn: string): Promise<Lookup<Permissions>> {
  if (sts === undefined || iam === undefined) return NOT_LOCAL;
  const permissions = await simulate(sts, iam, tableArn);
  return 'because' in permissions ? { ...permissions, remedy: ASK_OTHERS } : permissions;
}

async function simulate(sts: STSClient, iam: IAMClient, tableArn: string): Promise<Lookup<Permissions>> {
  const identity = await lookUp(() => sts.send(new GetCallerIdentityCommand({})));
  if ('because' in identity) return identity;
  const { Arn: caller = '' } = identity.value;
  // IAM cannot simulate the root user, who may do everything.
  if (caller.endsWith(':root')) return known({ caller, denied: [], undecided: [] });
  const principal = await principalOf(iam, caller);
  if ('because' in principal) return principal;
  const rights = await simulateRole(iam, principal.value, Object.keys(OPERATOR_ACTIONS), tableArn);
  return map(rights, (found) => ({ caller, ...found }));
}

async function simulateRole(
  iam: IAMClient,
  principal: string,
  actions: readonly string[],
  tableArn: string,
): Promise<Lookup<Rights>> {
  const results = await lookUp(async () => {
    const found: EvaluationResult[] = [];
    const pages = paginateSimulatePrincipalPolicy(
      { client: iam },
      { PolicySourceArn: principal, ActionNames: [...actions], ResourceArns: [tableArn] },
    );
    for await (const page of pages) found.push(...(page.EvaluationResults ?? []));
    return found;
  });
  return map(results, (found) => {
    const refused = found.filter(({ EvalDecision }) => EvalDecision !== 'allowed');
    const namesOf = (which: readonly EvaluationResult[]) =>
      which.flatMap(({ EvalActionName: name }) => (name === undefined ? [] : [name]));
    return {
      denied: namesOf(refused.filter((result) => !lacksContext(result))),
      undecided: namesOf(refused.filter(lacksContext)),
    };
  });
}

/** A condition needed a value that the simulation lacks. An explicit denial stands, whatever the value. */
const lacksContext = ({
  EvalDecision: decision,
  MissingContextValues: missing = [],
  ResourceSpecificResults: results = [],
}: EvaluationResult): boolean =>
  decision === 'implicitDeny' &&
  [...missing, ...results.flatMap(({ MissingContextValues = [] }) => MissingContextValues)].length > 0;

const ASSUMED_ROLE = /^arn:[^:]+:sts::\d+:assumed-role\/([^/]+)\//;
const USER = /^arn:[^:]+:iam::\d+:user\//;

/** The principal to simulate. The name of a session lacks the path of its role. */
async function principalOf(iam: IAMClient, caller: string): Promise<Lookup<string>> {
  if (USER.test(caller)) return known(caller);
  const roleName = ASSUMED_ROLE.exec(caller)?.[1];
  if (roleName === undefined) return { because: `IAM cannot simulate ${caller}` };
  const role = await lookUp(() => iam.send(new GetRoleCommand({ RoleName: roleName })));
  return map(role, ({ Role }) => Role?.Arn ?? '');
}
