import type { TransactionAction } from '../../dynamodb/transaction';
import { cancellationCodes } from '../../dynamodb/refusals';
import type { ConsumerClient } from '../client';
import type { Transactions } from '../ports';

/** Writes by `TransactWriteItems`. */
export const dynamodbTransactions = (client: Pick<ConsumerClient, 'transactWrite'>): Transactions => ({
  async write(entries: readonly TransactionAction[]) {
    try {
      await client.transactWrite({ TransactItems: [...entries] });
      return { kind: 'written' };
    } catch (cause) {
      const reasons = cancellationCodes(cause) ?? [];
      if (reasons.length > 0) return { kind: 'cancelled', reasons, cause };
      if (cause instanceof Error && cause.name === 'ValidationException') return { kind: 'rejected', cause };
      // The SDK retried a request that DynamoDB is still executing: decide again when it has ended.
      if (cause instanceof Error && cause.name === 'TransactionInProgressException') {
        return { kind: 'cancelled', reasons: entries.map(() => 'TransactionConflict'), cause };
      }
      throw cause;
    }
  },
});
