import { parseStartArguments } from '../../../local/start-arguments';

describe('parseStartArguments', () => {
  it('starts one node with the topic orders when nothing is said', () => {
    expect(parseStartArguments([])).toEqual({
      topics: [{ topic: 'orders' }],
      nodes: 1,
      publisher: 'kafkajs',
      file: undefined,
      port: 0,
      json: false,
      help: false,
    });
  });

  it('reads topics with and without a number of partitions', () => {
    expect(parseStartArguments(['--topics', 'orders,payments:3', '--nodes', '3']).topics).toEqual([
      { topic: 'orders' },
      { topic: 'payments', partitions: 3 },
    ]);
  });

  it('reads the publisher of the relay', () => {
    expect(parseStartArguments(['--publisher', 'platformatic']).publisher).toBe('platformatic');
  });

  it('serves the console on a port, or not at all', () => {
    expect(parseStartArguments(['--port', '8080']).port).toBe(8080);
    expect(parseStartArguments(['--no-console', '--port', '8080']).port).toBeUndefined();
  });

  it.each([
    [['--port', '-1'], 'port'],
    [['--port', '65536'], '--port is "65536"'],
    [['--nodes', '2'], '--nodes is "2"'],
    [['--publisher', 'librdkafka'], '--publisher is "librdkafka"; it must be kafkajs or platformatic.'],
    [['--topics', 'a b'], '--topics has "a b"'],
    [['--topics', 'a:0'], '--topics has "a:0"'],
    [['--topic', 'a'], "Unknown option '--topic'"],
    [['orders'], 'orders'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseStartArguments(argv)).toThrow(expect.objectContaining({ code: 'invalid-option' }));
    expect(() => parseStartArguments(argv)).toThrow(message);
  });
});
