import { Kafka, logLevel } from 'kafkajs';
import { createTopic, planTopic } from '../../lib/operate/create-topic';
import { handleTopic, type ResourceEvent } from '../../lib/topics/handle';
import { withTopicAdmin } from '../../lib/topics/kafka-admin';
import { encodeTopicRequest, type TopicRequest } from '../../lib/topics/request';
import { sharedKafka } from './harness/shared-servers';

const CLUSTER = 'local';

let brokers: readonly string[];
beforeAll(async () => {
  brokers = await sharedKafka();
});

const client = () => new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });

function run(type: ResourceEvent['RequestType'], topic: string, changed: Partial<TopicRequest> = {}) {
  const request: TopicRequest = {
    cluster: CLUSTER,
    topic,
    partitions: 3,
    configs: {},
    keyed: true,
    mode: 'apply',
    onRemoval: 'retain',
    ...changed,
  };
  const event = { RequestType: type, ResourceProperties: encodeTopicRequest(request) };
  return withTopicAdmin(client(), (admin) => handleTopic(event, CLUSTER, admin));
}

const found = (topic: string) => withTopicAdmin(client(), (admin) => admin.find(topic));

test('creates a topic with its properties, and does nothing a second time', async () => {
  const configs = { 'retention.ms': '604800000', 'max.message.bytes': '2000000' };
  expect((await run('Create', 'created', { configs })).Data.Done).toBe('create');
  expect(await found('created')).toEqual({ partitions: 3, replicationFactor: 1, configs });
  expect((await run('Create', 'created', { configs })).Data.Done).toBe('nothing');
});

test('changes a property and keeps properties that others have set', async () => {
  await run('Create', 'changed', { configs: { 'retention.ms': '1000', 'segment.ms': '60000' } });
  expect((await run('Update', 'changed', { configs: { 'retention.ms': '2000' } })).Data.Done).toBe('configure');
  expect((await found('changed'))?.configs).toEqual({ 'retention.ms': '2000', 'segment.ms': '60000' });
  expect((await run('Update', 'changed', { configs: { 'retention.ms': '2000' } })).Data.Done).toBe('nothing');
});

test('lets a topic with keys grow only when that number was acknowledged', async () => {
  await run('Create', 'grown');
  await expect(run('Update', 'grown', { partitions: 6 })).rejects.toThrow('set acknowledgedPartitions to 6');
  expect((await found('grown'))?.partitions).toBe(3);
  expect((await run('Update', 'grown', { partitions: 6, acknowledgedPartitions: 6 })).Data.Done).toBe('grow');
  expect((await found('grown'))?.partitions).toBe(6);
  await expect(run('Create', 'grown')).rejects.toThrow('Kafka cannot take any away');
  expect((await run('Update', 'grown')).Data.Done).toBe('nothing');
});

test('deletes a topic only if that is configured', async () => {
  await run('Create', 'removed');
  expect((await run('Delete', 'removed')).Data.Done).toBe('retained');
  expect(await found('removed')).toBeDefined();
  expect((await run('Delete', 'removed', { onRemoval: 'delete' })).Data.Done).toBe('deleted');
  expect(await found('removed')).toBeUndefined();
  expect((await run('Delete', 'removed', { onRemoval: 'delete' })).Data.Done).toBe('deleted');
});

test('a property that Kafka does not know fails and makes nothing', async () => {
  await expect(run('Create', 'misconfigured', { configs: { 'retention.mz': '1' } })).rejects.toThrow();
  expect(await found('misconfigured')).toBeUndefined();
});

test('an operator creates a topic like another one, and its dead-letter topic with room for the notes', async () => {
  const configs = { 'max.message.bytes': '2000000', 'retention.ms': '604800000' };
  await run('Create', 'model', { configs });
  const create = (topic: string) =>
    withTopicAdmin(client(), async (admin) => createTopic(admin, await planTopic(admin, { topic, like: 'model' })));
  expect(await create('copy')).toEqual({ partitions: 3, replicationFactor: 1, configs });
  expect((await create('model.shipping.dlt')).configs).toMatchObject({ 'max.message.bytes': '2004096' });
  await expect(create('copy')).rejects.toThrow('topic copy exists, with 3 partitions');
});
