import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SWEEPER_SERVICE } from '../../lib/event/metrics';
import { CONTROL_PARTITION } from '../../lib/event/key';
import { mappingDescriber } from '../../lib/sweep/lambda-mapping';
import type { PassHistory } from '../../lib/sweep/scan-progress';
import { FaultyDynamoDb } from './harness/faulty-dynamodb';
import { Committed, allMarked, settled, startWorld, STARTUP_MS, write, keysNamed, type World } from './harness/world';

/** The sweeper's bundle next to a Lambda API that describes its mapping. */

const MAPPING = 'an-event-source-mapping';
const dynamodb = new FaultyDynamoDb();
let requests: string[] = [];
let modifiedAt = 0;
let state = 'Enabled';
let lambda: Server;
let known: string;
let world: World;

beforeAll(async () => {
  dynamodb.onRequest = ({ operation, userAgent }) => {
    if (userAgent.includes(`app/${SWEEPER_SERVICE}`)) requests.push(operation);
  };
  lambda = createServer(({ url }, response) => {
    const isFound = url === `/2015-03-31/event-source-mappings/${MAPPING}`;
    response.writeHead(isFound ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isFound ? mapping() : { Message: 'not found' }));
  }).listen(0, '127.0.0.1');
  await once(lambda, 'listening');
  const { port } = lambda.address() as AddressInfo;
  const lambdaEndpoint = `http://127.0.0.1:${port}`;
  world = await startWorld({
    sweeperEnvironment: {
      AWS_SDK_UA_APP_ID: SWEEPER_SERVICE,
      OUTBOX_SWEEP_AFTER_SECONDS: '1',
      OUTBOX_MAPPING_ID: MAPPING,
      AWS_ENDPOINT_URL_LAMBDA: lambdaEndpoint,
    },
    relayDynamodbEndpoint: (endpoint) => dynamodb.start(endpoint),
  });
  const client = new LambdaClient({
    endpoint: lambdaEndpoint,
    region: 'eu-west-1',
    credentials: world.stack.credentials,
  });
  known = await mappingDescriber(client, MAPPING)();
  client.destroy();
}, STARTUP_MS);
afterAll(async () => {
  await world.stop();
  await dynamodb.stop();
  lambda.close();
});

const mapping = () => ({ UUID: MAPPING, LastModified: modifiedAt, State: state });

/** As the sweeper of a table that has been in use for long has left it. */
const noteSettledPass = (): Promise<unknown> => {
  const passes: PassHistory = { startedAt: Date.now() - 60_000, isSettled: true, mapping: known };
  const Item = { pk: CONTROL_PARTITION, sk: '!sweep-passes', passes };
  return world.document.put({ TableName: world.stack.tableName, Item });
};

const counted = (): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(requests, (operation) => operation)].map(([name, { length }]) => [name, length]));

it('costs some twelve read units and eight write units, however large the table is', async () => {
  const committed = new Committed();
  await write(world, { keys: keysNamed('order', 20), events: 200 }, committed);
  await allMarked(world);
  await settled(world);
  await noteSettledPass();
  // Lambda changes this time by itself while it reads the stream.
  modifiedAt = 1_700_000_000;
  requests = [];

  const report = await world.stack.sweep();

  expect(report).toMatchObject({ complete: true, readUnits: 0, items: 0, signalsSent: 0 });
  expect(report.cause).toBeUndefined();
  // Each look at the four probes costs four units, and one follows within two seconds. The relay deletes the probes.
  const { BatchGetItem: looks = 0, ...others } = counted();
  expect(others).toEqual({ DescribeTable: 1, Query: 1, GetItem: 2, PutItem: 4 });
  expect(looks).toBeGreaterThanOrEqual(1);
  expect(looks).toBeLessThanOrEqual(3);
  await settled(world);
});

it('gives way to a pass when the mapping was changed, and when the relay does not act', async () => {
  state = 'Updating';
  expect(await world.stack.sweep()).toMatchObject({ cause: 'mapping-changed', items: 200, processed: 200 });

  state = 'Enabled';
  await noteSettledPass();
  await world.stack.mapping.disable();
  expect(await world.stack.sweep()).toMatchObject({ cause: 'stream-not-read', items: 200, signals: 4 });
  world.stack.mapping.enable();
  await settled(world);
  expect(await world.stack.sweep()).toMatchObject({ cause: 'unsettled', items: 200, signals: 0 });
}, 600_000);
