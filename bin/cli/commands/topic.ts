import type { Command } from 'commander';
import {
  createTopic,
  kafkaTopicsLine,
  planTopic,
  withTopics,
  type NewTopic,
  type TopicPlan,
} from '../../../lib/operate/create-topic';
import type { KafkaTarget } from '../../../lib/operate/kafka-target';
import { EXIT_CODES, needsYes } from '../run-in-session';
import { parseCount } from '../arguments';
import { count } from '../format';
import { kafkaOf, withKafkaOptions, type KafkaOptions } from '../kafka';
import { openSession, type GlobalOptions } from '../session';
import { Terminal } from '../terminal';

interface CreateOptions extends KafkaOptions, Omit<NewTopic, 'topic'> {
  readonly yes?: true;
}

/** More are possible, but are a mistake, or need a cluster of their own. */
const MAX_PARTITIONS = 10_000;

export function addTopic(program: Command): void {
  const topic = program.command('topic').description('create a missing topic that CDK does not create');
  withKafkaOptions(
    topic
      .command('create')
      .argument('<name>', 'such as audit, or orders.shipping.dlt for dead letters')
      .description('create a topic in Kafka, and show the kafka-topics.sh line that does the same; needs --yes')
      .option('--partitions <n>', 'how many (default: as --like; 3 for dead letters)', parseCount(1, MAX_PARTITIONS))
      .option(
        '--like <topic>',
        'copy partitions, replication and properties of this one (default for TOPIC.CONSUMER.dlt: TOPIC)',
      )
      .option('--yes', 'confirms it'),
  ).action(async (name: string, _options: unknown, command: Command) => {
    process.exitCode = await run(name, command.optsWithGlobals());
  });
}

async function run(topic: string, options: CreateOptions & GlobalOptions): Promise<number> {
  const { partitions, like, yes, json = false } = options;
  const terminal = new Terminal({ json });
  const kafka = await kafkaOf('topic create', () => openSession(options), options);
  return withTopics(kafka, async (admin) => {
    const plan = await planTopic(admin, { topic, partitions, like });
    const line = kafkaTopicsLine(plan, kafka);
    if (yes !== true) {
      terminal.result({ wouldCreate: plan, kafkaTopics: line }, () => planLines(plan, kafka));
      return needsYes({ terminal });
    }
    const created = await createTopic(admin, plan);
    terminal.result({ created: { topic, ...created } }, () => [
      `Topic ${topic} was created: ${propertiesOf({ ...plan, ...created })}.`,
      ...nextLines(plan),
    ]);
    return EXIT_CODES.done;
  });
}

const propertiesOf = ({ partitions, replicationFactor, configs }: TopicPlan): string =>
  [
    count(partitions, 'partition'),
    replicationFactor === undefined ? "replicas as the cluster's default" : count(replicationFactor, 'replica'),
    ...Object.entries(configs).map(([name, value]) => `${name}=${value}`),
  ].join(', ');

const planLines = (plan: TopicPlan, kafka: KafkaTarget): string[] => [
  `Topic ${plan.topic} would be created on ${kafka.brokers.join(',')}${plan.like === undefined ? '' : `, like ${plan.like}`}: ${propertiesOf(plan)}.`,
  ...(plan.similar.length === 0 ? [] : [`Topics with a similar name exist: ${plan.similar.join(', ')}.`]),
  'A typo? Fix the writer; else create it. A misspelt topic that is created takes events that no consumer reads, and hides the fault.',
  'If you may not create topics, give this line to those who may:',
  `  ${kafkaTopicsLine(plan, kafka)}`,
];

const nextLines = ({ topic }: TopicPlan): string[] =>
  topic.endsWith('.dlt')
    ? ['The consumer sends its dead letters by itself.']
    : [
        'The relay also needs the permission to write to it: "topics" of the Outbox construct.',
        `Next: outbox redrive --reason unknown-topic --why "topic ${topic} created" --follow`,
      ];
