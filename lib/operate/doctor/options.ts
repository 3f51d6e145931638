/** What cannot be found from the table. */
export interface DoctorOptions {
  /** Of the deployed stack: nothing in the table leads to its sweeper. Left out: the sweeper is not checked. */
  readonly sweeperFunctionName?: string;
  /** Functions of the stack that reach Kafka: their brokers are compared too. Default: the relay's alone. */
  readonly kafkaFunctionNames?: readonly string[];
}
