import { Fn, Token } from 'aws-cdk-lib';
import { Grant, type IGrantable, type IPrincipal, type PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { KafkaAuth } from '../../kafka/broker-config';
import { requireOption } from '../options/invalid-option';

const CLUSTER_ARN = /^arn:[^:]+:kafka:[a-z0-9-]+:\d{12}:cluster\/[^/]+\/[^/]+$/;

/** The part of an Amazon MSK cluster that authorisation needs. */
export interface MskCluster {
  /** `arn:aws:kafka:<region>:<account>:cluster/<name>/<uuid>`; may be a token. */
  readonly clusterArn: string;
}

/**
 * How the relay and other clients authenticate to the brokers, and which permissions their roles need for that.
 *
 * @example
 * ```ts
 * import { KafkaAuthentication } from 'dynamodb-outbox/cdk';
 *
 * const authentication = KafkaAuthentication.iam({
 *   clusterArn: 'arn:aws:kafka:eu-west-1:111122223333:cluster/orders/6f1c1a52-7c3e-4a1e-9a53-0b3d2f1b6a77-2',
 * });
 * ```
 */
export abstract class KafkaAuthentication {
  /**
   * MSK IAM access control with the function's own role (port 9098). It is the only method of MSK Serverless, and the
   * only one that authorises each topic.
   */
  static iam(cluster: MskCluster): KafkaAuthentication {
    return new IamAuthentication(cluster.clusterArn);
  }

  /**
   * SASL/SCRAM-SHA-512 over TLS (port 9096). The secret is JSON with `username` and `password`. To read it, a relay in
   * a VPC without NAT needs an interface endpoint of Secrets Manager.
   */
  static scram(secret: ISecret): KafkaAuthentication {
    return new SecretAuthentication({ kind: 'scram', secretArn: secret.secretArn }, secret);
  }

  /**
   * TLS (port 9094). With a secret (JSON with `certificate` and `privateKey` in PEM) the relay authenticates by
   * certificate, and must reach Secrets Manager as with `scram`. Without one it stays anonymous.
   */
  static tls(secret?: ISecret): KafkaAuthentication {
    return new SecretAuthentication({ kind: 'tls', secretArn: secret?.secretArn }, secret);
  }

  /** Plain text (port 9092): for a broker on the same machine. */
  static none(): KafkaAuthentication {
    return new SecretAuthentication({ kind: 'none' });
  }

  /** The configuration that functions get. */
  abstract readonly settings: KafkaAuth;
  /** The cluster that authorises; `undefined` unless it is Amazon MSK with IAM. */
  readonly clusterArn?: string;

  /** Allows `grantee` to publish to `topics`. With IAM it may publish to no other topic. */
  abstract grantPublish(grantee: IGrantable, topics: readonly string[]): void;

  /** With IAM, allows `grantee` to read `topics` as a member of the consumer group `group`. */
  abstract grantConsume(grantee: IGrantable, topics: readonly string[], group: string): void;

  /** Allows the same to the pollers of an event source mapping, which use the role of `grantee`. */
  grantPoll(grantee: IGrantable, topics: readonly string[], group: string): void {
    this.grantConsume(grantee, topics, group);
  }

  /** Allows `grantee` to describe `topics`, and to make, change or delete them as `allowed` says. */
  abstract grantAdminister(grantee: IGrantable, topics: readonly string[], allowed: TopicAdministration): void;
}

export const readsSecret = ({ settings }: KafkaAuthentication): boolean =>
  'secretArn' in settings && settings.secretArn !== undefined;

/** Limit for one statement, so that several fit into a managed policy of 6,144 characters. */
const MAX_STATEMENT_LENGTH = 1_500;

/** The text of a token is shorter than the ARN that replaces it. */
const lengthOf = (arn: string): number => arn.length + (Token.isUnresolved(arn) ? 100 : 0);

/** Statements that accept further ARNs, by principal and actions. */
const open = new WeakMap<IPrincipal, Map<string, OpenStatement>>();

interface OpenStatement {
  readonly statements: readonly PolicyStatement[];
  readonly arns: Set<string>;
}

function canTake({ statements, arns }: OpenStatement, arn: string): boolean {
  const length = [...arns, arn].reduce((sum, one) => sum + lengthOf(one), 0);
  return statements.length > 0 && length <= MAX_STATEMENT_LENGTH && statements.every(({ frozen }) => !frozen);
}

/**
 * Allows actions on many resources, in as few statements as the CDK can still divide among policies. The CDK moves only
 * whole statements, and merges the statements of several grants only with a feature flag.
 */
function grantInParts(grantee: IGrantable, actions: readonly string[], resourceArns: readonly string[]): void {
  const principal = grantee.grantPrincipal;
  const ofPrincipal = open.get(principal) ?? new Map<string, OpenStatement>();
  open.set(principal, ofPrincipal);
  const key = actions.join();
  for (const arn of resourceArns) {
    const last = ofPrincipal.get(key);
    if (last?.arns.has(arn) === true) continue;
    if (last !== undefined && canTake(last, arn)) {
      for (const statement of last.statements) statement.addResources(arn);
      last.arns.add(arn);
      continue;
    }
    const { principalStatements } = Grant.addToPrincipal({ grantee, actions: [...actions], resourceArns: [arn] });
    ofPrincipal.set(key, { statements: principalStatements, arns: new Set([arn]) });
  }
}

/** The permissions of a topic administrator, in addition to describing topics. */
export interface TopicAdministration {
  readonly change: boolean;
  readonly remove: boolean;
}

class SecretAuthentication extends KafkaAuthentication {
  readonly settings: KafkaAuth;
  readonly #secret?: ISecret;

  constructor(settings: KafkaAuth, secret?: ISecret) {
    super();
    this.settings = settings;
    this.#secret = secret;
  }

  override grantPublish(grantee: IGrantable): void {
    this.#grantLogin(grantee);
  }

  override grantConsume(grantee: IGrantable): void {
    this.#grantLogin(grantee);
  }

  override grantAdminister(grantee: IGrantable): void {
    this.#grantLogin(grantee);
  }

  /** The cluster's own access control lists decide which topics a login may use. */
  #grantLogin(grantee: IGrantable): void {
    if (this.#secret === undefined) return;
    const { secretArn, secretFullArn, encryptionKey } = this.#secret;
    // Not `grantRead`: it also adds the role to the key's policy, which would make the key's stack depend on this one.
    Grant.addToPrincipal({
      grantee,
      actions: ['secretsmanager:GetSecretValue'],
      // A secret's ARN ends in six characters that its name does not have.
      resourceArns: [secretFullArn ?? `${secretArn}-??????`],
    });
    if (encryptionKey === undefined) return;
    Grant.addToPrincipal({ grantee, actions: ['kms:Decrypt'], resourceArns: [encryptionKey.keyArn] });
  }
}

class IamAuthentication extends KafkaAuthentication {
  override readonly settings = { kind: 'iam' } as const;
  override readonly clusterArn: string;
  /** Creating a token twice yields two different tokens, and two statements that name it. */
  readonly #arns = new Map<string, string>();

  constructor(clusterArn: string) {
    super();
    requireOption(
      Token.isUnresolved(clusterArn) || CLUSTER_ARN.test(clusterArn),
      'clusterArn',
      clusterArn,
      'an ARN such as arn:aws:kafka:<region>:<account>:cluster/<name>/<uuid>',
      'Copy it from "aws kafka list-clusters-v2".',
    );
    this.clusterArn = clusterArn;
  }

  override grantPublish(grantee: IGrantable, topics: readonly string[]): void {
    // Kafka authorises the idempotent producer on the cluster: on a topic's ARN this action never matches.
    this.#grant(grantee, [this.clusterArn], ['Connect', 'WriteDataIdempotently']);
    this.#grantOnTopics(grantee, topics, ['DescribeTopic', 'WriteData']);
  }

  override grantConsume(grantee: IGrantable, topics: readonly string[], group: string): void {
    this.#grant(grantee, [this.clusterArn], ['Connect', 'DescribeCluster']);
    this.#grantOnTopics(grantee, topics, ['DescribeTopic', 'ReadData']);
    this.#grant(grantee, [this.#arn('group', group)], ['DescribeGroup', 'AlterGroup']);
  }

  override grantPoll(grantee: IGrantable, topics: readonly string[], group: string): void {
    this.grantConsume(grantee, topics, group);
    this.#grant(grantee, [this.clusterArn], ['DescribeClusterDynamicConfiguration']);
  }

  override grantAdminister(
    grantee: IGrantable,
    topics: readonly string[],
    { change, remove }: TopicAdministration,
  ): void {
    this.#grant(grantee, [this.clusterArn], ['Connect']);
    this.#grantOnTopics(grantee, topics, [
      'DescribeTopic',
      'DescribeTopicDynamicConfiguration',
      ...(change ? ['CreateTopic', 'AlterTopic', 'AlterTopicDynamicConfiguration'] : []),
      ...(remove ? ['DeleteTopic'] : []),
    ]);
  }

  #grantOnTopics(grantee: IGrantable, topics: readonly string[], names: readonly string[]): void {
    const arns = topics.map((topic) => this.#arn('topic', topic));
    this.#grant(grantee, arns, names);
  }

  #grant(grantee: IGrantable, resourceArns: string[], names: readonly string[]): void {
    const actions = names.map((action) => `kafka-cluster:${action}`);
    grantInParts(grantee, actions, resourceArns);
  }

  /** `…:cluster/<name>/<uuid>` → `…:topic/<name>/<uuid>/<topic>`, by intrinsic functions if the ARN is a token. */
  #arn(kind: 'topic' | 'group', name: string): string {
    const key = `${kind}/${name}`;
    const existing = this.#arns.get(key);
    if (existing !== undefined) return existing;
    // Another stack's ARN is a `GetStackOutput`, which CloudFormation splits only inside a `Sub`.
    const clusterArn = Token.isUnresolved(this.clusterArn)
      ? Fn.sub('${Cluster}', { Cluster: this.clusterArn })
      : this.clusterArn;
    const parts = Fn.split(':cluster/', clusterArn);
    const arn = `${Fn.select(0, parts)}:${kind}/${Fn.select(1, parts)}/${name}`;
    this.#arns.set(key, arn);
    return arn;
  }
}
