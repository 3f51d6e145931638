import type { NamedConsumer } from '../explain/explain';
import type { KafkaTarget } from '../kafka-target';

/** Facts that cannot be found from the table. */
export interface DoctorOptions {
  /** State of the event source mapping on a local stack, which has no Lambda to ask. */
  readonly localMapping?: 'Enabled' | 'Disabled';
  /** The sweeper of the deployed stack: nothing in the table leads to it. Left out: the sweeper is not checked. */
  readonly sweeperFunctionName?: string;
  /** Functions of the stack that reach Kafka: their brokers are compared too. Default: the relay's alone. */
  readonly kafkaFunctionNames?: readonly string[];
  /**
   * The cluster whose brokers, topics and consumer groups are checked, or why it is not known. The table is scanned for
   * the topics of its items, for at most 20 seconds. Left out: the report does not have these checks.
   */
  readonly kafkaTarget?: KafkaTarget | { readonly because: string };
  /** Consumers whose topics, dead-letter topics and groups are checked, with `kafkaTarget`. */
  readonly consumers?: readonly NamedConsumer[];
}
