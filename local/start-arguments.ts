import { parseArgs } from 'node:util';
import { PUBLISHERS, type RelayPublisher } from '../lib/infra/outbox/outbox-props';
import { LocalStackError } from './errors';
import type { TopicSpec } from './kafka/topics';

const MAX_PORT = 65_535;

export const USAGE = `Starts Apache Kafka, DynamoDB Local and the relay on this machine, until Ctrl-C.

  npm run local -- [options]

  --topics <list>  topics to create, separated by commas, each <name> or <name>:<partitions>   (orders)
  --nodes <n>      Kafka nodes: 1, or 3 with every record on all of them                       (1)
  --publisher <p>  Kafka client of the relay: kafkajs or platformatic                            (kafkajs)
  --file <path>    where endpoints and process ids are written for other programs              (.outbox/stack.json)
  --port <n>       port of the console's page, which shows events, dashboard and alarms         (a free one)
  --no-console     no page
  --json           print one line of JSON when ready, instead of text
  --help

A cluster and a DynamoDB Local that run already are used when KAFKA_BROKERS and DYNAMODB_ENDPOINT name them.
`;

export interface StartArguments {
  readonly topics: readonly TopicSpec[];
  readonly nodes: 1 | 3;
  readonly publisher: RelayPublisher;
  readonly file?: string;
  /** Port of the console's page; 0 for a free one, `undefined` for no page. */
  readonly port?: number;
  readonly json: boolean;
  readonly help: boolean;
}

/** @throws LocalStackError `invalid-option`, naming the allowed values. */
export function parseStartArguments(argv: readonly string[]): StartArguments {
  const { topics, nodes, publisher: name, file, port, console, json, help } = parse(argv);
  if (nodes !== '1' && nodes !== '3') {
    throw new LocalStackError('invalid-option', `--nodes is "${nodes}"; it must be 1 or 3.`);
  }
  const publisher = PUBLISHERS.find((each) => each === name);
  if (publisher === undefined) {
    throw new LocalStackError('invalid-option', `--publisher is "${name}"; it must be ${PUBLISHERS.join(' or ')}.`);
  }
  return {
    topics: topics.split(',').map(parseTopic),
    nodes: nodes === '1' ? 1 : 3,
    publisher,
    file,
    port: console ? parsePort(port) : undefined,
    json,
    help,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowNegative: true,
      options: {
        topics: { type: 'string', default: 'orders' },
        nodes: { type: 'string', default: '1' },
        publisher: { type: 'string', default: 'kafkajs' },
        file: { type: 'string' },
        port: { type: 'string', default: '0' },
        console: { type: 'boolean', default: true },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new LocalStackError('invalid-option', `${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= MAX_PORT) return port;
  throw new LocalStackError('invalid-option', `--port is "${text}"; it must be a whole number from 0 to ${MAX_PORT}.`);
}

function parseTopic(text: string): TopicSpec {
  const [, topic, partitions] = /^([A-Za-z0-9._-]{1,249})(?::([1-9]\d{0,3}))?$/.exec(text.trim()) ?? [];
  if (topic === undefined) {
    throw new LocalStackError('invalid-option', `--topics has "${text}"; each must be <name> or <name>:<partitions>.`);
  }
  return partitions === undefined ? { topic } : { topic, partitions: Number(partitions) };
}
