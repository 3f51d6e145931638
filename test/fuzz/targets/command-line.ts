import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CommanderError } from 'commander';
import { Kafka } from 'kafkajs';
import { reportFailure } from '../../../bin/cli/failure';
import { createProgram } from '../../../bin/cli/program';
import { SessionError } from '../../../bin/cli/session';
import { OutboxError } from '../../../lib/event/errors';
import type { Random } from '../../../lib/testing/random';
import { mutate, textNear } from '../mutate';
import type { Target } from '../target';

interface Invocation {
  readonly arguments: readonly string[];
  /** The content of the file that `--local FILE` names. */
  readonly stackFile: string;
}

/** Replaced by the path of the stack file. */
const STACK_FILE = 'STACK-FILE';
const COMMANDS = [
  'status --table shop-outbox',
  'explain order#42 --inbox shipping-inbox --consumer shipping --no-kafka --table shop-outbox',
  'held --reason unknown-topic --table shop-outbox --json',
  'show order#42 --table shop-outbox',
  'where order#42 3 --table shop-outbox',
  'redrive order#42 --why made --follow --timeout 1m --table shop-outbox',
  'redrive --reason unknown-topic --why made --stack Shop --region eu-west-1',
  'skip order#42 --at 3 --why no --yes --table shop-outbox',
  'restore order#42 3 --from README.md --yes --table shop-outbox',
  'replay order#42 --from 3 --to 5 --since 2h --until 2026-01-31 --why new --yes --table shop-outbox',
  'replay --missing --since 2h --why new --brokers b:9092 --auth none --table shop-outbox',
  'sweep --after 90s --table shop-outbox',
  'take-over shop-2 --why moved --yes --table shop-outbox',
  'verify --since 2026-01-31T08:00:00Z --key order#42 --brokers b:9092,c:9092 --auth none --table shop-outbox',
  'doctor --inbox shipping-inbox --page-test --brokers b:9092 --auth scram --secret-arn arn:x --table shop-outbox',
  'smoke --topic outbox-smoke --without alarms park --timeout 5m --brokers b:9092 --table shop-outbox',
  'cost --events-per-second 100 --event-bytes 1000 --retention 2d --kafka express --brokers 3 --price perPollerHour=0.2',
  'cost --events-per-second 0.5 --event-bytes 1e3 --partitions 12 --kept 7d --consumers 2 --no-monitoring --json',
  'sizes --items 100 --within 200 --table shop-outbox',
  'schema check --catalogue ./none.js#events --baseline package.json --mode BACKWARD --against-table',
  'topic create audit --like orders --partitions 3 --brokers b:9092 --auth none',
  'consumer parked order#42 --inbox shipping-inbox --consumer shipping --reason stock',
  'consumer redrive order#42 --inbox shipping-inbox --consumer shipping --why back --follow --timeout 90s',
  'consumer skip order#42 --inbox shipping-inbox --consumer shipping --why no --yes',
  'consumer lag order#42 --inbox shipping-inbox --consumer shipping --table shop-outbox',
  'consumer dead-letters --topic orders --consumer shipping --since 2h --at orders-3@1024 --brokers b:9092 --auth none',
  'consumer dead-letters --topic orders --consumer shipping --resend --as late --inbox shipping-inbox --why x --yes',
  'consumer create-table --table shipping-inbox',
  'status --local STACK-FILE --by me',
  'consumer lag order#42 --inbox i --consumer c --local STACK-FILE',
].map((line) => line.split(' '));
const PARTS = [
  ...['--', '-', '', '--help', '-h', '--version', 'help', '--json', '--yes', '--all', '--follow', '--=', '--table='],
  ...['--since', '--until', '--timeout', '--price', '--size', '--brokers', '--key', '--at', '--reason', '--local'],
  ...['-1h', '0s', '999999999d', '9999-12-31', '2026-13-01T00:00:00Z', '2026-01-31T24:00:61+99:99', '1e400', '-1'],
  ...[
    '__proto__=1',
    'constructor=1',
    'toString=1',
    'order.placed=1',
    '#',
    'order#',
    '#42',
    'order#42#',
    '$outbox#control',
  ],
  ...[
    '9'.repeat(400),
    'x'.repeat(3_000),
    '0000000000000003',
    '9007199254740993',
    ',',
    'b',
    'b:',
    ':1',
    'b:99999',
    'orders-3@',
  ],
  ...['.', '/', '/dev/null', 'README.md', 'package.json', STACK_FILE, '\u001b[2J', '\u{1f600}', 'é'],
];
const STACK = {
  startedAt: '2026-01-02T03:04:05.678Z',
  region: 'eu-central-1',
  credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  dynamodbEndpoint: 'http://127.0.0.1:1',
  tableName: 'Outbox',
  streamArn: 'arn:aws:dynamodb:x',
  brokers: ['127.0.0.1:1'],
  topics: ['orders'],
  mapping: 'Enabled',
  logFolder: '.',
  pids: { stack: process.pid, dynamodb: 1, kafka: [2], relay: 3 },
};
/** The limit of Linux. */
const MAX_ARGUMENT = 131_071;

/** Thrown instead of each request: the command line has checked its arguments and begins its work. */
class Request extends Error {}

/** Arguments of the command line, up to its first request: refused with a sentence and the exit code 2, never hanging. */
export const commandLine: Target = {
  name: 'command-line',
  input: (random): Invocation => {
    let parts: readonly string[] = random.pick(COMMANDS) ?? [];
    for (let changes = random.integer(4); changes > 0; changes--) parts = changed(random, parts);
    const content = random.chance(0.8)
      ? JSON.stringify(mutate(random, STACK))
      : textNear(random, JSON.stringify(STACK));
    return { arguments: withoutSmoke(parts.map(asArgument)), stackFile: content };
  },
  async run(input) {
    const { arguments: given, stackFile } = input as Invocation;
    const folder = mkdtempSync(join(tmpdir(), 'outbox-fuzz-'));
    const file = join(folder, 'stack.json');
    writeFileSync(file, stackFile);
    try {
      return await outcomeOf(given.map((part) => part.replaceAll(STACK_FILE, file)));
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function changed(random: Random, parts: readonly string[]): string[] {
  const at = random.integer(parts.length + 1);
  const part = random.pick(PARTS) ?? '';
  switch (random.integer(6)) {
    case 0:
      return parts.toSpliced(at, 1);
    case 1:
      return parts.toSpliced(at, 0, part);
    case 2:
      return parts.toSpliced(at, 1, part);
    case 3:
      return parts.toSpliced(at, 0, parts[random.integer(parts.length)] ?? '');
    case 4:
      return parts.toSpliced(at, 1, ...(random.pick(COMMANDS) ?? []).slice(1));
    default:
      return parts.toSpliced(at, 1, textNear(random, parts[at] ?? ''));
  }
}

/** A process gets no other arguments: UTF-8 without NUL. */
const asArgument = (part: string): string => part.replaceAll('\0', '').slice(0, MAX_ARGUMENT).toWellFormed();

/**
 * The smoke test goes on after a failed request, and then ends the process. With a table and unconfirmed, it makes no
 * request, also where a local stack runs.
 */
const withoutSmoke = (parts: readonly string[]): readonly string[] =>
  parts.includes('smoke')
    ? ['--table', 'shop-outbox', ...parts.filter((part) => part !== '--yes' && !part.startsWith('--local'))]
    : parts;

async function outcomeOf(given: readonly string[]): Promise<string> {
  const world = new Surroundings();
  let error: unknown;
  try {
    await createProgram('1.0.0').parseAsync(given, { from: 'user' });
  } catch (thrown) {
    error = thrown;
    process.exitCode = reportFailure(thrown);
  } finally {
    world.restore();
  }
  const { exitCode, requests, out, printed } = world;
  if (/^\s+at .+:\d+:\d+/m.test(printed)) throw new Error(`A stack trace is printed:\n${printed}`);
  if (error !== undefined && !isExpected(error)) throw new Error('It is refused without a reason.', { cause: error });
  if (exitCode !== 0 && printed.trim() === '') throw new Error(`It ends with ${exitCode}, and says nothing.`);
  if (requests > 0) return 'begins its work';
  if (error !== undefined && exitCode !== (isHelp(error) ? 0 : 2)) throw new Error(`It is refused with ${exitCode}.`);
  if (isHelp(error)) return 'help';
  if (error !== undefined) return error instanceof CommanderError ? error.code : 'refused by the command';
  checkResult(given, out);
  return `ends with ${exitCode}`;
}

const isHelp = (error: unknown): boolean => error instanceof CommanderError && error.exitCode === 0;

const isExpected = (error: unknown): boolean =>
  [CommanderError, SessionError, OutboxError, Request].some((kind) => error instanceof kind);

/** A result that was computed from the arguments alone. */
function checkResult(given: readonly string[], out: string): void {
  const wrong = /NaN|Infinity|∞|undefined|\[object/.exec(out)?.[0];
  if (wrong !== undefined && !given.some((part) => part.includes(wrong)))
    throw new Error(`The result has ${wrong}: ${out}`);
  if (given.includes('--json')) JSON.parse(out);
}

const AWS_CLIENT = Object.getPrototypeOf(DynamoDBClient.prototype) as { send: unknown };
const ENVIRONMENT = {
  ...{ AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', NO_COLOR: '1' },
  AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1',
};

/** A process without a network, whose output is kept. */
class Surroundings {
  requests = 0;
  out = '';
  /** To stdout and stderr. */
  printed = '';
  exitCode = 0;
  readonly #environment = { ...process.env };
  readonly #exitCode = process.exitCode;
  readonly #restores: (() => void)[] = [];

  constructor() {
    Object.assign(process.env, ENVIRONMENT);
    process.exitCode = undefined;
    const request = (): never => {
      this.requests++;
      throw new Request('There is no network.');
    };
    this.#replace(AWS_CLIENT, 'send', () => Promise.resolve().then(request));
    this.#replace(Socket.prototype, 'connect', request);
    for (const name of ['admin', 'producer', 'consumer'] as const) this.#replace(Kafka.prototype, name, request);
    this.#replace(process.stdout, 'write', (text: string) => {
      this.out += text;
      this.printed += text;
      return true;
    });
    this.#replace(process.stderr, 'write', (text: string) => {
      this.printed += text;
      return true;
    });
  }

  #replace<Name extends string>(owner: Record<Name, unknown>, name: Name, by: unknown): void {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value: by, configurable: true, writable: true });
    this.#restores.push(() => {
      if (own === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, own);
    });
  }

  restore(): void {
    for (const restore of this.#restores) restore();
    for (const name of Object.keys(ENVIRONMENT)) {
      if (this.#environment[name] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = this.#environment[name];
    }
    this.exitCode = Number(process.exitCode ?? 0);
    process.exitCode = this.#exitCode;
  }
}
