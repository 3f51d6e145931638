import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { IAMClient } from '@aws-sdk/client-iam';
import { KafkaClient } from '@aws-sdk/client-kafka';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SNSClient } from '@aws-sdk/client-sns';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import {
  findConsumers,
  findKafkaFunctions,
  findSweeper,
  findTable,
  findTopics,
  type DeployedConsumer,
  inHomeRegion,
  inHomeRegionIfKnown,
} from '../../lib/operate/find-outbox';
import type { OutboxTarget } from '../../lib/operate/target';
import type { StackDescription } from '../../local/stack-file';
import { messageOf } from '../../lib/event/errors';
import { isIntegerIn } from '../../lib/event/option-rules';
import { isRecord, jsonObject } from '../../lib/event/options';
import { clientConfig } from './client-config';
import { Terminal } from './terminal';

export interface GlobalOptions {
  readonly table?: string;
  readonly stack?: string;
  readonly local?: string;
  readonly region?: string;
  readonly by?: string;
  readonly json?: boolean;
}

/** Clients of the services around the table; a local stack has none of them. */
export interface Services {
  readonly cloudformation: CloudFormationClient;
  readonly lambda: LambdaClient;
  readonly iam: IAMClient;
  readonly sts: STSClient;
  readonly cloudwatch: CloudWatchClient;
  readonly sns: SNSClient;
  readonly kafka: KafkaClient;
}

/** One run of the command line: which outbox it is about, and who runs it. */
export interface Session {
  readonly terminal: Terminal;
  readonly target: OutboxTarget;
  /** For a person: where the table is. */
  readonly place: string;
  readonly services?: Services;
  /** Left out unless the outbox was found by its stack. */
  readonly findSweeper?: () => Promise<string | undefined>;
  /** Finds the functions that use Kafka; left out in the same way. */
  readonly findKafkaFunctions?: () => Promise<readonly string[]>;
  /** Finds the consumers that are functions; left out in the same way. */
  readonly findConsumers?: () => Promise<readonly DeployedConsumer[]>;
  /** Topics that the stack's output names. */
  readonly findTopics?: () => Promise<readonly string[]>;
  /** The local stack that runs. */
  readonly local?: StackDescription;
  /** The name that is noted on every change. */
  by(): Promise<string>;
}

/** Options with which a command selects the same outbox. */
export const repeatedOptions = ({ table, stack, local, region }: GlobalOptions): string[] =>
  Object.entries({ table, stack, local, region }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );

/** The file in which `npm run local` describes the stack that runs. */
export const STACK_FILE = join('.outbox', 'stack.json');
const DEFAULT_STACK = 'Outbox';

/** Finds the outbox: the table or stack that is named, else the local stack that runs here, else the stack `Outbox`. */
export const openSession = (options: GlobalOptions): Promise<Session> => open(options, inHomeRegion);

/** The same for `doctor`, which must also work if the relay that it checks is missing. */
export const openDoctorSession = (options: GlobalOptions): Promise<Session> => open(options, inHomeRegionIfKnown);

async function open(options: GlobalOptions, look: typeof inHomeRegion): Promise<Session> {
  const terminal = new Terminal({ json: options.json ?? false });
  const local = localStackOf(options);
  if (local !== undefined) return localSession(local, terminal, options);
  if (options.local !== undefined)
    throw new SessionError(`--local: the local stack that ${options.local} describes is not running.`);

  const config = clientConfig(options.region);
  const dynamodb = new DynamoDBClient(config);
  const hasOwnEndpoint = process.env['AWS_ENDPOINT_URL_DYNAMODB'] !== undefined;
  if (hasOwnEndpoint && options.table !== undefined) {
    const target = { client: dynamodb, tableName: options.table };
    return {
      terminal,
      target,
      place: 'at AWS_ENDPOINT_URL_DYNAMODB',
      by: () => Promise.resolve(options.by ?? login()),
    };
  }
  const services: Services = {
    cloudformation: new CloudFormationClient(config),
    lambda: new LambdaClient(config),
    iam: new IAMClient(config),
    sts: new STSClient(config),
    cloudwatch: new CloudWatchClient(config),
    sns: new SNSClient(config),
    kafka: new KafkaClient(config),
  };
  const stackName = options.stack ?? DEFAULT_STACK;
  const stack = { cloudformation: services.cloudformation, stackName };
  const tableName = options.table ?? (await findTable(stack, dynamodb));
  return {
    terminal,
    target: await look({ client: dynamodb, tableName }, services.lambda),
    place: `${options.table === undefined ? `stack ${stackName}, ` : ''}${await dynamodb.config.region()}`,
    services,
    findSweeper: options.table === undefined ? () => findSweeper(stack, services.lambda, tableName) : undefined,
    findConsumers: options.table === undefined ? () => findConsumers(stack, services.lambda) : undefined,
    findTopics: options.table === undefined ? () => findTopics(stack) : undefined,
    findKafkaFunctions: options.table === undefined ? () => findKafkaFunctions(stack, services.lambda) : undefined,
    by: async () => options.by ?? (await callerArn(services.sts)),
  };
}

/** A run of the command line for a consumer. Its table is named, so no outbox is looked for. */
export type InboxSession = Pick<Session, 'terminal' | 'by'> & { readonly client: DynamoDBClient };

export function openInboxSession(options: GlobalOptions): InboxSession {
  const terminal = new Terminal({ json: options.json ?? false });
  const local = localStackOf(options);
  if (local !== undefined) {
    const session = localSession(local, terminal, options);
    return { terminal, client: session.target.client, by: () => session.by() };
  }
  if (options.local !== undefined)
    throw new SessionError(`--local: the local stack that ${options.local} describes is not running.`);
  const { region } = options;
  const isOwnEndpoint = process.env['AWS_ENDPOINT_URL_DYNAMODB'] !== undefined;
  return {
    terminal,
    client: new DynamoDBClient(clientConfig(region)),
    by: async () => options.by ?? (isOwnEndpoint ? login() : await callerArn(new STSClient(clientConfig(region)))),
  };
}

const callerArn = async (sts: STSClient): Promise<string> =>
  (await sts.send(new GetCallerIdentityCommand({}))).Arn ?? login();

/** The session cannot begin; the message says why and what to do. */
export class SessionError extends Error {}

function localSession(local: StackDescription, terminal: Terminal, { by, region }: GlobalOptions): Session {
  const client = new DynamoDBClient({
    endpoint: local.dynamodbEndpoint,
    region: region ?? local.region,
    credentials: local.credentials,
  });
  return {
    terminal,
    target: { client, tableName: local.tableName },
    place: 'local stack',
    local,
    by: () => Promise.resolve(by ?? login()),
  };
}

const login = (): string => userInfo().username;

/** A named table or stack excludes the local one. */
const localStackOf = ({ table, stack, local = STACK_FILE }: GlobalOptions): StackDescription | undefined =>
  table === undefined && stack === undefined ? runningStack(local) : undefined;

function runningStack(path: string): StackDescription | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new SessionError(`The file of the local stack, ${path}, cannot be read: ${messageOf(error)}`);
  }
  const description = jsonObject(text);
  if (!isStackDescription(description)) {
    throw new SessionError(
      `The file ${path} does not describe a local stack. Start the stack again, or name the outbox with --stack or --table.`,
    );
  }
  return isAlive(description.pids.stack) ? description : undefined;
}

/** Whether the parts that a command uses are there: another program may have written the file. */
function isStackDescription(value: unknown): value is StackDescription {
  if (!isRecord(value) || !isRecord(value['credentials']) || !isRecord(value['pids'])) return false;
  const { accessKeyId, secretAccessKey } = value['credentials'];
  const { region, tableName, dynamodbEndpoint: endpoint, brokers = [], topics = [] } = value;
  return (
    [region, tableName, accessKeyId, secretAccessKey].every((text) => typeof text === 'string' && text !== '') &&
    typeof endpoint === 'string' &&
    URL.canParse(endpoint) &&
    [brokers, topics].every((names) => Array.isArray(names) && names.every((name) => typeof name === 'string')) &&
    isIntegerIn(value['pids']['stack'], { min: 1, max: 2 ** 31 - 1 })
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
