import { readFileSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { encodeSignal, newSignal } from '../../lib/event/signal';
import { positionOfVersion } from '../../lib/event/position';
import { RELAY_SERVICE, SWEEPER_SERVICE } from '../../lib/event/metrics';
import { uuidV7 } from '../../lib/event/uuid';
import { outboxStack } from '../infra/stack';
import { FaultyDynamoDb, type SeenRequest } from './harness/faulty-dynamodb';
import { grantedActions, roleOf } from './harness/granted';
import { BUSINESS_TABLE, leaveHold, settled, startWorld, STARTUP_MS, until, type World } from './harness/world';

/** Calls the table in every way that the functions do, and compares the calls with the roles' permissions. */

const dynamodb = new FaultyDynamoDb();
const called = { relay: new Set<string>(), sweeper: new Set<string>() };
let world: World;

beforeAll(async () => {
  dynamodb.onRequest = (request) => {
    const by = request.userAgent.includes(`app/${SWEEPER_SERVICE}`) ? called.sweeper : called.relay;
    expect(request.userAgent).toMatch(/app\/outbox-(relay|sweeper)/);
    for (const action of actionsOf(request)) by.add(action);
  };
  world = await startWorld({
    environment: {
      AWS_SDK_UA_APP_ID: RELAY_SERVICE,
      OUTBOX_ORDER: 'strict',
      OUTBOX_LATE_AFTER_SECONDS: '1',
    },
    sweeperEnvironment: { AWS_SDK_UA_APP_ID: SWEEPER_SERVICE, OUTBOX_SWEEP_AFTER_SECONDS: '1' },
    relayDynamodbEndpoint: (endpoint) => dynamodb.start(endpoint),
  });
}, STARTUP_MS);
afterAll(async () => {
  await world.stop();
  await dynamodb.stop();
});

const STATEMENTS: Readonly<Record<string, string>> = {
  UPDATE: 'dynamodb:PartiQLUpdate',
  DELETE: 'dynamodb:PartiQLDelete',
};
const TRANSACTED: Readonly<Record<string, string>> = {
  Put: 'dynamodb:PutItem',
  Update: 'dynamodb:UpdateItem',
  Delete: 'dynamodb:DeleteItem',
  ConditionCheck: 'dynamodb:ConditionCheckItem',
};

/**
 * The actions that IAM checks: for a transaction its actions, for a batch of statements the statements.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
 */
function actionsOf({ operation, body }: SeenRequest): string[] {
  const known = (actions: Readonly<Record<string, string>>, name: string): string =>
    actions[name] ?? `unknown: ${operation} ${name}`;
  if (operation === 'TransactWriteItems') {
    return (body['TransactItems'] as object[]).flatMap((item) =>
      Object.keys(item).map((name) => known(TRANSACTED, name)),
    );
  }
  // IAM authorizes a reading transaction by its actions, like a writing one.
  if (operation === 'TransactGetItems') return ['dynamodb:GetItem'];
  if (operation === 'BatchExecuteStatement') {
    return (body['Statements'] as { Statement: string }[]).map(({ Statement }) =>
      known(STATEMENTS, Statement.split(' ')[0] ?? ''),
    );
  }
  return [`dynamodb:${operation}`];
}

/** The DynamoDB permissions of a function's role in the deployed template. */
function granted(functionId: string): string[] {
  const template: unknown = JSON.parse(readFileSync(world.stack.template.path, 'utf8'));
  return grantedActions(template, roleOf(template, functionId), 'dynamodb');
}

/** Lambda reads the stream with the relay's role. */
const BY_LAMBDA = [
  'dynamodb:DescribeStream',
  'dynamodb:GetRecords',
  'dynamodb:GetShardIterator',
  'dynamodb:ListStreams',
];

const put = (key: string, version: number, type: 'order.changed' | 'order.lost' = 'order.changed') =>
  world.outbox.transact(world.document, {
    changes: [{ aggregate: 'order', key, version, events: [{ type, data: { n: version } }] }],
  });
const request = { by: 'the test', at: Date.now(), why: 'to see it' };
const holdOf = async (key: string) => (await world.holds()).find(({ key: held }) => held === `order#${key}`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

it('publishes, parks, drains, skips, replays and sets aside', async () => {
  const { document, stack } = world;
  await put('a', 1);
  await settled(world);
  // Another process does not know the first version, and looks it up for the second.
  await stack.relay.kill();
  await put('a', 2);
  await put('b', 1, 'order.lost');
  await put('b', 2);
  await until('the hold', async () => (await holdOf('b')) !== undefined);
  const [head] = await world.items('order#b');
  for (const signal of [
    newSignal('order#b', Date.now(), { kind: 'drain', from: positionOfVersion(1), request }),
    newSignal('order#b', Date.now(), { kind: 'skip', position: positionOfVersion(1), id: head?.id, request }),
    newSignal('order#a', Date.now(), { kind: 'replay', replayId: 'r', request }),
  ]) {
    await document.put({ TableName: stack.tableName, Item: encodeSignal(signal) });
  }
  await document.put({ TableName: stack.tableName, Item: { pk: 'order#a', sk: '~signal#odd', kind: 'dance' } });
  await until('the release', async () => (await holdOf('b')) === undefined);
  await until('the replay', () => {
    const replayed = world.reader.ofKey('a').filter(({ headers }) => headers['outbox-replay'] === 'r');
    return new Set(replayed.map(({ headers }) => headers['ce_id'])).size === 2;
  });
  // A full item cannot take the note that it is parked, so the relay only checks its condition.
  const full = { pk: 'order#full', sk: positionOfVersion(1), filler: 'x'.repeat(409_500) };
  await document.put({ TableName: stack.tableName, Item: full });
  await until('the second hold', async () => (await holdOf('full')) !== undefined);
});

it('sweeps: what is lost, what is lost again, and what cannot be read', async () => {
  const { mapping } = world.stack;
  await mapping.caughtUp();
  await mapping.disable();
  await put('lost', 1);
  for (let key = 0; key < 30; key++) await leaveHold(world, `orphan-${key}`, positionOfVersion(1));
  await pause(1_500);
  // The stream does not move, so the sweep proves nothing.
  expect(await world.stack.sweep()).toMatchObject({ signalsSent: 31, gapSuspicion: 'none' });
  await mapping.trim();
  await pause(1_500);
  mapping.enable();
  // Now the probe comes back.
  expect(await world.stack.sweep()).toMatchObject({ signalsReplaced: 31, gapSuspicion: 'began' });
  await until('the lost event', () => world.reader.firstIds('lost').length === 1);
});

it('the relay may do what it does, and nothing else', () => {
  expect(granted(world.stack.template.relay.logicalId)).toEqual([...called.relay, ...BY_LAMBDA].toSorted());
});

it('the sweeper may do what it does, and nothing else', () => {
  expect(granted(world.stack.template.sweeper.logicalId)).toEqual([...called.sweeper].toSorted());
});

describe('a service that writes', () => {
  const proxy = new FaultyDynamoDb();
  const requests: SeenRequest[] = [];
  let document: DynamoDBDocument;
  beforeAll(async () => {
    proxy.onRequest = (seen) => requests.push(seen);
    const endpoint = await proxy.start(world.stack.dynamodbEndpoint);
    document = DynamoDBDocument.from(new DynamoDBClient({ ...world.stack.clientConfig, endpoint }), {
      marshallOptions: { removeUndefinedValues: true },
    });
  });
  afterAll(async () => {
    document.destroy();
    await proxy.stop();
  });

  /** The entries of all requests that concern the outbox; a request without a transaction is its own entry. */
  const entries = () =>
    requests
      .flatMap(({ operation, body }) =>
        (
          (body['TransactItems'] as Record<string, Entry>[] | undefined) ?? [{ [operation]: body as unknown as Entry }]
        ).flatMap((item) => Object.entries(item)),
      )
      .filter(([, { TableName }]) => TableName === world.stack.tableName);
  interface Entry {
    readonly TableName: string;
    readonly Item?: { readonly pk: { readonly S: string } };
  }

  it('may do what the write helper does, and nothing else', async () => {
    const { outbox } = world;
    const change = (key: string, version?: number) => ({
      aggregate: 'order',
      key,
      version,
      events: [{ type: 'order.changed' as const, data: { n: 1 } }],
    });
    const business = { Put: { TableName: BUSINESS_TABLE, Item: { id: 'written' } } };
    await outbox.transact(document, { actions: [business], changes: [change('w', 1), change('x')] });
    const repeated = { requestId: uuidV7(Date.now()), changes: [change('y', 1)] };
    for (let attempt = 0; attempt < 2; attempt++) await outbox.transact(document, repeated);
    await expect(outbox.transact(document, { changes: [change('w', 1)] })).rejects.toMatchObject({
      code: 'version-conflict',
    });
    const { events, ...aggregate } = change('z', 1);
    await document.transactWrite({ TransactItems: [...(await outbox.items(aggregate, events))] });

    const { stack, outbox: construct, template } = outboxStack();
    construct.grantWrite(new Role(stack, 'Service', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') }));
    const called = entries().map(([name]) => TRANSACTED[name] ?? `unknown: ${name}`);
    expect(called).toHaveLength(6);
    expect([...new Set(called)]).toEqual(grantedActions(template().toJSON(), /^Service/, 'dynamodb'));
  });

  it('writes under no key that it is refused', () => {
    const keys = entries().map(([, { Item }]) => Item?.pk.S);
    expect(keys).toEqual(expect.arrayContaining(['order#w', 'order#z']));
    expect(keys.filter((key) => key === undefined || key.startsWith('$outbox#'))).toEqual([]);
  });
});
