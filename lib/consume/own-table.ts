import { asUnavailable } from './outage-errors';
import type { InboxStore, Transactions } from './ports';

/** The inbox with errors that name the table: a failed read concerns every key. */
export function ownInbox(inbox: InboxStore, tableName: string): InboxStore {
  const read = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw asUnavailable(error, `Cannot read the consumer's table "${tableName}"`) ?? error;
    }
  };
  return {
    read: (key) => read(() => inbox.read(key)),
    isMarked: (key, id) => read(() => inbox.isMarked(key, id)),
    nextParked: (key) => read(() => inbox.nextParked(key)),
    parkedKeys: () => inbox.parkedKeys(),
  };
}

/** Writes of the consumer's own records only: a failure concerns every key. */
export const ownWrites = (transactions: Transactions, tableName: string): Transactions => ({
  async write(entries) {
    try {
      return await transactions.write(entries);
    } catch (error) {
      throw asUnavailable(error, `Cannot write to the consumer's table "${tableName}"`) ?? error;
    }
  },
});
