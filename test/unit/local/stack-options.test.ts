import { resolveStackOptions, type StackOptions } from '../../../local/stack-options';

const TOPICS = [{ topic: 'orders' }];

describe('resolveStackOptions', () => {
  it('starts one Kafka node when nothing else is said', () => {
    expect(resolveStackOptions({ topics: TOPICS }, {})).toMatchObject({ nodes: 1, brokers: undefined });
  });

  it('uses what the environment names', () => {
    const environment = { KAFKA_BROKERS: 'a:1, b:2', DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000' };
    expect(resolveStackOptions({ topics: TOPICS }, environment)).toMatchObject({
      brokers: ['a:1', 'b:2'],
      dynamodbEndpoint: 'http://127.0.0.1:8000',
    });
  });

  it('prefers an option to the environment', () => {
    expect(resolveStackOptions({ topics: TOPICS, brokers: ['c:3'] }, { KAFKA_BROKERS: 'a:1' }).brokers).toEqual([
      'c:3',
    ]);
  });

  it('takes an empty variable for none', () => {
    const resolved = resolveStackOptions({ topics: TOPICS }, { KAFKA_BROKERS: '', DYNAMODB_ENDPOINT: '' });
    expect(resolved).toMatchObject({ brokers: undefined, dynamodbEndpoint: undefined });
  });

  it.each<[string, StackOptions, string]>([
    ['a misspelt option', { topics: TOPICS, node: 3 } as StackOptions, 'no option "node"'],
    ['two nodes', { topics: TOPICS, nodes: 2 } as unknown as StackOptions, 'nodes is "2"'],
    ['no topics', { topics: [] }, 'at least one topic'],
    ['a broker without a port', { topics: TOPICS, brokers: ['a'] }, 'is "a"; it must be a list of host:port'],
    ['an empty list of brokers', { topics: TOPICS, brokers: [] }, 'a list of host:port'],
  ])('refuses %s', (_, options, message) => {
    expect(() => resolveStackOptions(options, {})).toThrow(expect.objectContaining({ code: 'invalid-option' }));
    expect(() => resolveStackOptions(options, {})).toThrow(message);
  });
});
