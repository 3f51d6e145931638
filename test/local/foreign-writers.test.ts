import type { VectorResult } from '../../bin/cli/conformance/judge';
import { WriterProcess } from '../../bin/cli/conformance/writer-process';
import { vectors } from '../../conformance/vectors.json';
import { OutboxCli } from './harness/cli';
import { javaWriter, pythonWriter, type ForeignWriter } from './harness/foreign-writers';
import { allMarked, BUSINESS_TABLE, startWorld, STARTUP_MS, until, type World } from './harness/world';

const WRITERS: readonly ForeignWriter[] = [pythonWriter(), javaWriter()];
const missing = WRITERS.flatMap((writer) => ('missing' in writer ? [`${writer.language}: ${writer.missing}`] : []));
if (missing.length > 0) console.warn(`Skipped, because a writer cannot run here. ${missing.join('. ')}.`);

const commandOf = (writer: ForeignWriter | undefined): string =>
  writer !== undefined && 'command' in writer ? writer.command : '';
/** An answer takes milliseconds; the first one waits for the start of Python or Java on a busy machine. */
const ANSWER_MS = 120_000;
const TEST_MS = 480_000;

let world: World;
const cli = new OutboxCli();

beforeAll(async () => {
  world = await startWorld({ stackFile: cli.stackFile });
}, STARTUP_MS);
afterAll(async () => {
  await world.stop();
  cli.remove();
});

for (const writer of WRITERS) {
  const name = `the writer in ${writer.language} makes the item of every vector, byte for byte, and refuses the rest`;
  (commandOf(writer) === '' ? it.skip : it)(
    name,
    async () => {
      const command = `${commandOf(writer)} conformance`;
      const { code, stdout, stderr } = await cli.run('conformance', '--json', '--timeout', '2m', '--writer', command);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const result = JSON.parse(stdout) as { readonly passed: number; readonly vectors: readonly VectorResult[] };
      expect(result.passed).toBe(vectors.length);
      expect(result.vectors.filter(({ exact }) => exact === false)).toEqual([]);
    },
    TEST_MS,
  );
}

const BASE = { aggregate: 'order', source: '/shop/order', region: 'eu-central-1' };

/** Starts a writer that commits to the world's tables; returns its answers to changes. */
function committing(writer: ForeignWriter | undefined) {
  const { dynamodbEndpoint, region, credentials, tableName } = world.stack;
  const environment = {
    AWS_ENDPOINT_URL_DYNAMODB: dynamodbEndpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const variables = Object.entries(environment).map(([name, value]) => `${name}='${value}'`);
  const child = new WriterProcess(
    `${variables.join(' ')} ${commandOf(writer)} commit '${tableName}' '${BUSINESS_TABLE}'`,
  );
  return {
    stop: () => child.stop(),
    async commit(change: object): Promise<Readonly<Record<string, string>>> {
      const reply = await child.ask(JSON.stringify({ ...BASE, ...change }), ANSWER_MS);
      if (reply.kind !== 'line') throw new Error(`No answer: ${JSON.stringify(reply)}`);
      return JSON.parse(reply.line) as Record<string, string>;
    },
  };
}

const KEYS = ['größe-1', 'k-2', 'k-3'];
const VERSIONS = 6;
const REQUEST_ID = 'order/42 "a"\\ é 😀';

const eventsOf = (by: string, version: number) =>
  [0, 1].map((n) => ({
    type: 'order.changed',
    topic: 'orders',
    data: JSON.stringify({ n, by, version }),
    headers: { by },
  }));

(missing.length > 0 ? it.skip : it)(
  'services in two languages write one key in turn: all events arrive in order, a repeated request and a taken version write nothing',
  async () => {
    const python = committing(WRITERS[0]);
    const java = committing(WRITERS[1]);
    try {
      const turns = [
        { by: 'python', writer: python },
        { by: 'java', writer: java },
      ] as const;
      for (let version = 1; version <= VERSIONS; version++) {
        const { by, writer } = turns[version % 2 === 0 ? 1 : 0];
        for (const key of KEYS) {
          expect(await writer.commit({ key, version, events: eventsOf(by, version) })).toEqual({
            committed: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
          });
        }
      }

      // The other language derives the same ids, so it repeats the request, and DynamoDB commits it once.
      const request = { key: 'repeated', version: 1, committedAt: Date.now(), requestId: REQUEST_ID };
      const first = await python.commit({ ...request, events: eventsOf('python', 1) });
      expect(first['committed']).toMatch(/^[0-9a-f-]{36}$/);
      expect(await java.commit({ ...request, events: eventsOf('python', 1) })).toEqual(first);

      for (const { by, writer } of turns) {
        expect(await writer.commit({ key: 'k-2', version: VERSIONS, events: eventsOf(by, VERSIONS) })).toEqual({
          failed: expect.stringContaining('ConditionalCheckFailed') as string,
        });
        expect(await writer.commit({ key: '', version: 1, events: eventsOf(by, 1) })).toHaveProperty('refused');
      }
    } finally {
      await Promise.all([python.stop(), java.stop()]);
    }

    await until('every event', () => world.reader.ids().size >= (KEYS.length * VERSIONS + 1) * 2, ANSWER_MS);
    await allMarked(world, ANSWER_MS);
    const inOrder = (versions: number) =>
      Array.from({ length: versions * 2 }, (_, at) => {
        const version = Math.floor(at / 2) + 1;
        const by = version % 2 === 0 ? 'java' : 'python';
        return [by, { n: at % 2, by, version }, `000000000000000${version}.000${at % 2}`];
      });
    for (const key of KEYS) expect(arrivedOf(key)).toEqual(inOrder(VERSIONS));
    expect(arrivedOf('repeated')).toEqual(inOrder(1));
    const orders = await Promise.all(
      [...KEYS, 'repeated'].map((id) => world.document.get({ TableName: BUSINESS_TABLE, Key: { id } })),
    );
    expect(orders.map(({ Item }) => Item?.['version'] as unknown)).toEqual([...KEYS.map(() => VERSIONS), 1]);
    expect(await world.holds()).toEqual([]);
  },
  TEST_MS,
);

/** First arrivals: their own header, their data and their sequence. */
const arrivedOf = (key: string): unknown[] =>
  world.reader.firstIds(key).map((id) => {
    const found = world.reader.ofKey(key).find(({ headers }) => headers['ce_id'] === id);
    return [found?.headers['by'], JSON.parse(found?.value ?? 'null') as unknown, found?.headers['ce_sequence']];
  });
