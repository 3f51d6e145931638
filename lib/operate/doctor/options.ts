import type { NamedConsumer } from '../explain';
import type { KafkaTarget } from '../kafka-target';

/** What cannot be found from the table. */
export interface DoctorOptions {
  /** State of the event source mapping on a local stack, which has no Lambda to ask. */
  readonly localMapping?: 'Enabled' | 'Disabled';
  /** Of the deployed stack: nothing in the table leads to its sweeper. Left out: the sweeper is not checked. */
  readonly sweeperFunctionName?: string;
  /** Functions of the stack that reach Kafka: their brokers are compared too. Default: the relay's alone. */
  readonly kafkaFunctionNames?: readonly string[];
  /**
   * Where to look at brokers, topics and consumer groups, or why that is not known. Items of the table are scanned for their
   * topics, for 20 seconds at most. Left out: these checks are not made, and not named.
   */
  readonly kafkaTarget?: KafkaTarget | { readonly because: string };
  /** Whose topics, dead-letter topics and groups are checked, with `kafkaTarget`. */
  readonly consumers?: readonly NamedConsumer[];
}
