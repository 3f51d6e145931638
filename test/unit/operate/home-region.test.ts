import { DescribeTableCommand, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand, LambdaClient, ListEventSourceMappingsCommand } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { inHomeRegion, inHomeRegionIfKnown } from '../../../lib/operate/find-outbox';
import { checkDeployment } from '../../../lib/operate/doctor/doctor';
import { known } from '../../../lib/operate/doctor/lookup';
import { streamNameOf } from '../../../lib/event/home-region';
import { encodeRelayConfig, RELAY_DEFAULTS } from '../../../lib/relay/environment';
import { mappingFilters } from '../../../lib/relay/mapping-settings';
import { aMapping, aReader, aTable, soundDeployment, STREAM_ARN, TABLE_NAME } from '../../builders/deployment';

const home = { region: 'eu-west-1', publishesFor: ['eu-west-1', 'eu-central-1'] };
const variables = encodeRelayConfig({
  ...RELAY_DEFAULTS,
  tableName: TABLE_NAME,
  outboxName: 'Orders',
  brokers: ['b-1.orders:9098'],
  auth: { kind: 'iam' },
  home,
});

const dynamodb = mockClient(DynamoDBClient);
const lambda = mockClient(LambdaClient);
beforeEach(() => {
  dynamodb.reset();
  lambda.reset();
  lambda
    .on(ListEventSourceMappingsCommand, { EventSourceArn: STREAM_ARN })
    .resolves({ EventSourceMappings: [aMapping()] });
  lambda.on(GetFunctionConfigurationCommand).resolves({ Environment: { Variables: variables } });
});
const target = () => ({ client: new DynamoDBClient({}), tableName: TABLE_NAME });

test('a table with one region is read as it is, without a search for the relay', async () => {
  dynamodb.on(DescribeTableCommand).resolves({ Table: aTable() });
  const plain = target();
  expect(await inHomeRegion(plain, new LambdaClient({}))).toBe(plain);
  expect(lambda.calls()).toEqual([]);
});

test('a table with several regions is read as its relay sees it', async () => {
  dynamodb.on(DescribeTableCommand).resolves({ Table: aTable({ Replicas: [{ RegionName: 'eu-central-1' }] }) });
  const plain = target();
  expect(await inHomeRegion(plain, new LambdaClient({}))).toEqual({ ...plain, home });
});

test('of a table with several regions that nobody relays here nothing is guessed', async () => {
  dynamodb.on(DescribeTableCommand).resolves({ Table: aTable({ Replicas: [{ RegionName: 'eu-central-1' }] }) });
  lambda.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [] });
  await expect(inHomeRegion(target(), new LambdaClient({}))).rejects.toMatchObject({ code: 'operation-refused' });
  expect(dynamodb.commandCalls(GetItemCommand)).toEqual([]);
});

test('doctor looks at a table with several regions all the same, whatever keeps the region from being known', async () => {
  dynamodb.on(DescribeTableCommand).resolves({ Table: aTable({ Replicas: [{ RegionName: 'eu-central-1' }] }) });
  expect((await inHomeRegionIfKnown(target(), new LambdaClient({}))).home).toEqual(home);

  lambda.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [] });
  const plain = target();
  expect(await inHomeRegionIfKnown(plain, new LambdaClient({}))).toBe(plain);
  dynamodb.on(DescribeTableCommand).rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException' }));
  expect(await inHomeRegionIfKnown(plain, new LambdaClient({}))).toBe(plain);
});

test('a table with several regions, each published from its own, is as it should be', () => {
  const facts = soundDeployment({
    table: known(aTable({ Replicas: [{ RegionName: 'eu-central-1' }] })),
    state: known({ streamArn: streamNameOf(STREAM_ARN, home) }),
    home,
  });
  const verdict = (check: string) => checkDeployment(facts).find((line) => line.check === check);
  expect(verdict('replicas')).toMatchObject({ verdict: 'ok', found: expect.stringContaining('eu-central-1') });
  expect(verdict('trust in the stream')).toMatchObject({ verdict: 'ok', found: 'no gap is suspected' });
});

test('doctor wants the filter of the region', () => {
  const filters = (patterns: readonly unknown[]) => ({
    FilterCriteria: { Filters: patterns.map((pattern) => ({ Pattern: JSON.stringify(pattern) })) },
  });
  const verdict = (patterns: readonly unknown[]) => {
    const readers = known([aReader(filters(patterns), { Environment: { Variables: variables } })]);
    return checkDeployment(soundDeployment({ readers })).find(({ check }) => check === 'mapping: filter');
  };
  expect(verdict(mappingFilters(home))).toMatchObject({ verdict: 'ok' });
  expect(verdict(mappingFilters())).toMatchObject({
    verdict: 'wrong',
    remedy: expect.stringContaining('\\"region\\":{\\"S\\":[\\"eu-west-1\\",\\"eu-central-1\\"]}'),
  });
});
