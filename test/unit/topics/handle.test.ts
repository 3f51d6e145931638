import { handleTopic, type ResourceEvent, type TopicAdmin } from '../../../lib/topics/handle';
import type { FoundTopic } from '../../../lib/topics/plan';
import { encodeTopicRequest, type TopicRequest } from '../../../lib/topics/request';

const CLUSTER = 'arn:cluster';

const properties = (changed: Partial<TopicRequest> = {}): Record<string, string> =>
  encodeTopicRequest({
    cluster: CLUSTER,
    topic: 'orders',
    partitions: 12,
    configs: {},
    keyed: true,
    mode: 'apply',
    onRemoval: 'retain',
    ...changed,
  });

const event = (type: ResourceEvent['RequestType'], changed?: Partial<TopicRequest>): ResourceEvent => ({
  RequestType: type,
  ResourceProperties: properties(changed),
});

/** A cluster in memory. */
class MemoryAdmin implements TopicAdmin {
  readonly topics = new Map<string, FoundTopic>();
  readonly calls: string[] = [];
  /** Fails once, after this call has taken effect. */
  diesAfter?: string;

  find(topic: string) {
    return Promise.resolve(this.topics.get(topic));
  }

  create({ topic, partitions, replicationFactor = 3, configs }: Parameters<TopicAdmin['create']>[0]) {
    return this.#act('create', () => {
      if (!this.topics.has(topic)) this.topics.set(topic, { partitions, replicationFactor, configs });
    });
  }

  grow(topic: string, partitions: number) {
    return this.#act('grow', () => this.topics.set(topic, { ...this.topics.get(topic)!, partitions }));
  }

  configure(topic: string, configs: FoundTopic['configs']) {
    return this.#act('configure', () => this.topics.set(topic, { ...this.topics.get(topic)!, configs }));
  }

  remove(topic: string) {
    return this.#act('remove', () => this.topics.delete(topic));
  }

  #act(call: string, act: () => unknown): Promise<void> {
    this.calls.push(call);
    act();
    if (this.diesAfter !== call) return Promise.resolve();
    this.diesAfter = undefined;
    return Promise.reject(new Error('the process died'));
  }
}

let admin: MemoryAdmin;
beforeEach(() => {
  admin = new MemoryAdmin();
});

test('a topic is created as it is wanted', async () => {
  const answer = await handleTopic(event('Create', { configs: { 'retention.ms': '1' } }), CLUSTER, admin);
  expect(answer).toEqual({ PhysicalResourceId: 'arn:cluster/orders', Data: { Topic: 'orders', Done: 'create' } });
  expect(admin.topics.get('orders')).toEqual({
    partitions: 12,
    replicationFactor: 3,
    configs: { 'retention.ms': '1' },
  });
});

test('a second run does nothing', async () => {
  await handleTopic(event('Create'), CLUSTER, admin);
  expect((await handleTopic(event('Create'), CLUSTER, admin)).Data.Done).toBe('nothing');
  expect(admin.calls).toEqual(['create']);
});

test('a run after one that died half way finishes what was begun', async () => {
  admin.topics.set('orders', { partitions: 6, replicationFactor: 3, configs: {} });
  const changed = { acknowledgedPartitions: 12, configs: { 'retention.ms': '1' } };
  admin.diesAfter = 'grow';
  await expect(handleTopic(event('Update', changed), CLUSTER, admin)).rejects.toThrow('died');
  expect((await handleTopic(event('Update', changed), CLUSTER, admin)).Data.Done).toBe('configure');
  expect(admin.topics.get('orders')).toMatchObject({ partitions: 12, configs: { 'retention.ms': '1' } });
});

test('a topic that somebody else makes at the same moment is looked at again', async () => {
  admin.create = () => {
    admin.topics.set('orders', { partitions: 3, replicationFactor: 3, configs: {} });
    return Promise.resolve();
  };
  await expect(handleTopic(event('Create'), CLUSTER, admin)).rejects.toThrow('growing it from 3 to 12');
});

test('the rollback of a growth succeeds and keeps the partitions', async () => {
  admin.topics.set('orders', { partitions: 24, replicationFactor: 3, configs: {} });
  const rollback: ResourceEvent = { ...event('Update'), OldResourceProperties: properties({ partitions: 24 }) };
  expect((await handleTopic(rollback, CLUSTER, admin)).Data.Done).toBe('nothing');
  expect(admin.topics.get('orders')?.partitions).toBe(24);
});

test('a property that was managed and is not any more gets its default back', async () => {
  await handleTopic(event('Create', { configs: { 'retention.ms': '1', 'segment.ms': '2' } }), CLUSTER, admin);
  const changed: ResourceEvent = {
    ...event('Update', { configs: { 'retention.ms': '1' } }),
    OldResourceProperties: properties({ configs: { 'retention.ms': '1', 'segment.ms': '2' } }),
  };
  await handleTopic(changed, CLUSTER, admin);
  expect(admin.topics.get('orders')?.configs).toEqual({ 'retention.ms': '1' });
});

describe('a check', () => {
  test('refuses what would be refused', async () => {
    admin.topics.set('orders', { partitions: 6, replicationFactor: 3, configs: {} });
    await expect(handleTopic(event('Update', { mode: 'check' }), CLUSTER, admin)).rejects.toThrow('growing it');
  });

  test('makes and changes nothing', async () => {
    expect((await handleTopic(event('Create', { mode: 'check' }), CLUSTER, admin)).Data.Done).toBe('checked');
    expect(admin.calls).toEqual([]);
  });
});

describe('a removal', () => {
  beforeEach(() => admin.topics.set('orders', { partitions: 12, replicationFactor: 3, configs: {} }));

  test('keeps the topic, unless it was told to delete it', async () => {
    expect((await handleTopic(event('Delete'), CLUSTER, admin)).Data.Done).toBe('retained');
    expect(admin.topics.has('orders')).toBe(true);
    expect((await handleTopic(event('Delete', { onRemoval: 'delete' }), CLUSTER, admin)).Data.Done).toBe('deleted');
    expect(admin.topics.has('orders')).toBe(false);
  });

  test('of a topic in another cluster keeps the one of that name in this one', async () => {
    const removal = event('Delete', { onRemoval: 'delete', cluster: 'arn:another' });
    expect((await handleTopic(removal, CLUSTER, admin)).Data.Done).toBe('retained');
    expect(admin.calls).toEqual([]);
  });

  test('after a creation that was refused for its properties succeeds', async () => {
    const refused: ResourceEvent = { RequestType: 'Create', ResourceProperties: { Topic: 'not a name' } };
    await expect(handleTopic(refused, CLUSTER, admin)).rejects.toThrow('property Topic is "not a name"');
    const rollback: ResourceEvent = { ...refused, RequestType: 'Delete', PhysicalResourceId: 'failed' };
    expect((await handleTopic(rollback, CLUSTER, admin)).PhysicalResourceId).toBe('failed');
    expect(admin.calls).toEqual([]);
  });
});

test.each<[string, Record<string, string>]>([
  ['Topic', { Topic: 'a topic' }],
  ['Partitions', { Partitions: '0' }],
  ['Configs', { Configs: '[1]' }],
  ['Configs', { Configs: 'no JSON' }],
  ['Mode', { Mode: 'try' }],
  ['OnRemoval', { OnRemoval: '' }],
])('a property %s that cannot be is refused by name', async (name, changed) => {
  const malformed = { ...event('Create'), ResourceProperties: { ...properties(), ...changed } };
  await expect(handleTopic(malformed, CLUSTER, admin)).rejects.toThrow(`property ${name} is`);
});
