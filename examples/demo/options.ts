import { parseArgs } from 'node:util';

export class DemoError extends Error {
  override readonly name = 'DemoError';
  readonly code: 'invalid-option' | 'writer-failed' | 'consumer-failed';

  constructor(code: DemoError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Default, maximum and meaning of each count. */
const COUNTS = {
  rate: [8, 500, 'events a second that are committed while the console runs'],
  port: [0, 65_535, "port of the console's page"],
  events: [60, 1_000_000, 'how many events are committed'],
  writers: [3, 64, 'instances of the order service that run at once, each a process'],
  keys: [8, 10_000, 'articles whose stock they all change; the fewer, the more often they collide'],
} as const;

export const USAGE = `Usage: npm run demo -- [options]

Runs the order service of examples/order-service against a local outbox and Kafka.

Without options it runs until Ctrl-C and serves a console: a page that shows every event on its way, the dashboard and
the alarms that a deployment has, and faults to try.

With --events it runs once: it shows every event on its way from the commit to the topic to the mark, and checks that
none was lost, reordered or left behind, and that a read model has the effect of each event once, although some are
delivered twice on purpose.

  --rate <n>      events a second that are committed while the console runs (default ${COUNTS.rate[0]})
  --port <n>      port of the console's page (default: a free one)
${Object.entries(COUNTS)
  .filter(([name]) => name !== 'rate' && name !== 'port')
  .map(([name, [preset, , help]]) => `  --${name} <n>`.padEnd(18) + `${help} (default ${preset})`)
  .join('\n')}
  --json          no display: progress on stderr, then one line of JSON on stdout
  --help          this text

With --events, the exit code is 0 only if nothing was lost, reordered or left pending, and the read model is right.
KAFKA_BROKERS=host:port,… and DYNAMODB_ENDPOINT=http://… use servers that run already.
`;

export type DemoOptions = ReturnType<typeof parseOptions>;

const [TEXT, FLAG] = [{ type: 'string' } as const, { type: 'boolean' } as const];
const OPTIONS = { rate: TEXT, port: TEXT, events: TEXT, writers: TEXT, keys: TEXT, json: FLAG, help: FLAG };

/** @throws DemoError `invalid-option`, naming the option, its value and the allowed values. */
export function parseOptions(args: readonly string[]) {
  const { json = false, help = false, ...given } = parse(args);
  return {
    /** Whether it runs until it is interrupted, with a page. */
    isConsole: given.events === undefined && !json,
    rate: count('rate', given.rate),
    port: count('port', given.port),
    events: count('events', given.events),
    writers: count('writers', given.writers),
    keys: count('keys', given.keys),
    json,
    help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${reason}\nThe options are --rate, --port, --events, --writers, --keys, --json and --help.`;
    throw new DemoError('invalid-option', message, { cause });
  }
}

function count(name: keyof typeof COUNTS, given: string | undefined): number {
  const [preset, max] = COUNTS[name];
  if (given === undefined) return preset;
  const value = Number(given);
  if (/^\d+$/.test(given) && value >= 1 && value <= max) return value;
  throw new DemoError('invalid-option', `Option --${name} is "${given}"; it must be a whole number from 1 to ${max}.`);
}
