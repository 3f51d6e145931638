import { Option, type Command } from 'commander';
import { findRelay } from '../../lib/operate/find-outbox';
import type { KafkaTarget } from '../../lib/operate/kafka-target';
import { parseBrokers } from './arguments';
import { SessionError, type Session } from './session';

/** Options of every command that reads Kafka. */
export interface KafkaOptions {
  readonly brokers?: readonly string[];
  readonly auth: 'iam' | 'scram' | 'tls' | 'none';
  readonly secretArn?: string;
  /** Global option of every command. */
  readonly region?: string;
}

export const withKafkaOptions = (command: Command): Command =>
  command
    .option('--brokers <list>', "host:port of brokers, separated by commas (default: the relay's)", parseBrokers)
    .addOption(
      new Option('--auth <kind>', 'how to log in, with --brokers')
        .choices(['iam', 'scram', 'tls', 'none'])
        .default('iam'),
    )
    .option('--secret-arn <arn>', 'for --auth scram, and for tls with a client certificate');

/** The cluster to read: as the options say, else the cluster of the outbox's relay. */
export async function kafkaOf(
  operation: string,
  session: () => Promise<Pick<Session, 'target' | 'local' | 'services'>>,
  options: KafkaOptions,
): Promise<KafkaTarget> {
  const { brokers, auth, secretArn, region } = options;
  if (brokers !== undefined) return { brokers, auth: authOf(operation, auth, secretArn), region };
  const { target, local, services } = await session();
  if (local !== undefined) return { brokers: local.brokers, auth: { kind: 'none' } };
  if (services === undefined)
    throw new SessionError(`${operation}: give --brokers: they cannot be found from the table.`);
  const { brokers: relays, auth: login } = await findRelay(target, services.lambda);
  return { brokers: relays, auth: login, region: await services.lambda.config.region() };
}

function authOf(operation: string, kind: KafkaOptions['auth'], secretArn: string | undefined): KafkaTarget['auth'] {
  if (kind !== 'scram') return kind === 'tls' ? { kind, secretArn } : { kind };
  if (secretArn === undefined) throw new SessionError(`${operation}: --auth scram needs --secret-arn.`);
  return { kind, secretArn };
}
