import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, type TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb';
import type { ConsistencyToken } from '../../lib/consumer';
import { OrderError } from '../order-service/errors';
import { createOrderService, type Committed, type OrderService } from '../order-service/order-service';
import { eventsInRequest, type CommittedEvent } from './record';
import type { Command } from './traffic';

/** The tables of the service and their endpoint: the argument of a writer's process, as JSON. */
export interface WriterConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly ordersTable: string;
  readonly outboxTable: string;
}

export type Outcome =
  | { readonly kind: 'committed'; readonly events: readonly CommittedEvent[]; readonly token: ConsistencyToken }
  /** A rule of the service refused the command; nothing was written. */
  | { readonly kind: 'refused'; readonly message: string; readonly retryable: boolean }
  | { readonly kind: 'failed'; readonly message: string };

export type ToWriter = { readonly id: string; readonly command: Command };
/** The first message has the id `ready` and no outcome. */
export type FromWriter = { readonly id: string; readonly outcome?: Outcome };

/** One instance of the order service, in a process of its own. */
function startInstance({ endpoint, region, credentials, ordersTable, outboxTable }: WriterConfig): void {
  const document = DynamoDBDocument.from(new DynamoDBClient({ endpoint, region, credentials }));
  const run = async (command: Command): Promise<Outcome> => {
    let last: TransactWriteCommandInput = { TransactItems: [] };
    const database = {
      get: (input: Parameters<DynamoDBDocument['get']>[0]) => document.get(input),
      transactWrite: (input: TransactWriteCommandInput) => document.transactWrite((last = input)),
    };
    try {
      const { token } = await execute(createOrderService({ database, ordersTable, outboxTable, region }), command);
      // Each earlier attempt was certainly refused, or was the same request.
      return { kind: 'committed', events: eventsInRequest(last), token };
    } catch (error) {
      if (error instanceof OrderError) return { kind: 'refused', message: error.message, retryable: error.retryable };
      return { kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
  process.on('message', ({ id, command }: ToWriter) => {
    void run(command).then((outcome) => process.send?.({ id, outcome } satisfies FromWriter));
  });
  // Ctrl-C reaches every process of the terminal; the demo decides when its writers end.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit(0));
  process.send?.({ id: 'ready' } satisfies FromWriter);
}

function execute(service: OrderService, command: Command): Promise<Committed<unknown>> {
  if (command.kind === 'place') return service.place(command);
  if (command.kind === 'replenish') return service.replenish(command.sku, command.quantity);
  return service[command.kind](command.orderId);
}

startInstance(JSON.parse(process.argv[2] ?? '{}') as WriterConfig);
