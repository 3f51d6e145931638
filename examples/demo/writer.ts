import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, type TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb';
import { OrderError } from '../order-service/errors';
import { createOrderService, type Committed, type OrderService } from '../order-service/order-service';
import { eventsInRequest } from './commit-recorder';
import type { Command } from './plan';
import type { FromWriter, Outcome, ToWriter, WriterConfig } from './writer-protocol';

/** One instance of the order service, in a process of its own. */
function startInstance({ endpoint, region, credentials, ordersTable, outboxTable }: WriterConfig) {
  const document = DynamoDBDocument.from(new DynamoDBClient({ endpoint, region, credentials }));
  return async (command: Command): Promise<Outcome> => {
    let last: TransactWriteCommandInput = { TransactItems: [] };
    const service = createOrderService({
      database: {
        get: (input: Parameters<DynamoDBDocument['get']>[0]) => document.get(input),
        transactWrite: (input: TransactWriteCommandInput) => {
          last = input;
          return document.transactWrite(input);
        },
      },
      ...{ ordersTable, outboxTable, region },
    });
    try {
      const { token } = await execute(service, command);
      // Each earlier attempt was certainly refused, or was the same request.
      return { kind: 'committed', events: eventsInRequest(last), token };
    } catch (error) {
      if (error instanceof OrderError) return { kind: 'refused', message: error.message, retryable: error.retryable };
      return { kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  };
}

function execute(service: OrderService, command: Command): Promise<Committed<unknown>> {
  switch (command.kind) {
    case 'place': {
      const { orderId, customerId, lines } = command;
      return service.place({ orderId, customerId, lines });
    }
    case 'replenish':
      return service.replenish(command.sku, command.quantity);
    case 'pay':
    case 'ship':
    case 'cancel':
      return service[command.kind](command.orderId);
  }
}

const tell = (message: FromWriter): void => {
  process.send?.(message);
};

let run: ReturnType<typeof startInstance> | undefined;
process.on('message', (message: ToWriter) => {
  if (message.kind === 'start') {
    run = startInstance(message);
    tell({ kind: 'ready' });
    return;
  }
  const { id, command } = message;
  void run?.(command).then((outcome) => tell({ kind: 'done', id, outcome }));
});
// Ctrl-C reaches every process of the terminal; the demo decides when its writers end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));
