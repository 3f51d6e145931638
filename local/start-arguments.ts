import { parseArgs } from 'node:util';
import { LocalStackError } from './errors';
import type { TopicSpec } from './kafka/topics';

export const USAGE = `Starts Apache Kafka, DynamoDB Local and the relay on this machine, until Ctrl-C.

  npm run local -- [options]

  --topics <list>  topics to create, separated by commas, each <name> or <name>:<partitions>   (orders)
  --nodes <n>      Kafka nodes: 1, or 3 with every record on all of them                       (1)
  --file <path>    where endpoints and process ids are written for other programs              (.outbox/stack.json)
  --json           print one line of JSON when ready, instead of text
  --help

A cluster and a DynamoDB Local that run already are used when KAFKA_BROKERS and DYNAMODB_ENDPOINT name them.
`;

export interface StartArguments {
  readonly topics: readonly TopicSpec[];
  readonly nodes: 1 | 3;
  readonly file?: string;
  readonly json: boolean;
  readonly help: boolean;
}

/** @throws LocalStackError `invalid-option`, naming the allowed values. */
export function parseStartArguments(argv: readonly string[]): StartArguments {
  const { topics, nodes, file, json, help } = parse(argv);
  if (nodes !== '1' && nodes !== '3') {
    throw new LocalStackError('invalid-option', `--nodes is "${nodes}"; it must be 1 or 3.`);
  }
  return { topics: topics.split(',').map(parseTopic), nodes: nodes === '1' ? 1 : 3, file, json, help };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        topics: { type: 'string', default: 'orders' },
        nodes: { type: 'string', default: '1' },
        file: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new LocalStackError('invalid-option', `${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}

function parseTopic(text: string): TopicSpec {
  const [, topic, partitions] = /^([A-Za-z0-9._-]{1,249})(?::([1-9]\d{0,3}))?$/.exec(text.trim()) ?? [];
  if (topic === undefined) {
    throw new LocalStackError('invalid-option', `--topics has "${text}"; each must be <name> or <name>:<partitions>.`);
  }
  return partitions === undefined ? { topic } : { topic, partitions: Number(partitions) };
}
