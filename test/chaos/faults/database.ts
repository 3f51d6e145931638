import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseFault } from '../world/faulty-database';
import type { ChaosFault } from './fault';

const TITLES: Readonly<Record<DatabaseFault, string>> = {
  throttled: 'DynamoDB throttles requests',
  failed: 'DynamoDB responds with server errors',
  'answer-lost': 'responses of DynamoDB are lost after the request took effect',
  silent: 'DynamoDB never responds to some requests',
  unprocessed: 'DynamoDB leaves half of a batch undone',
  conflict: 'DynamoDB cancels transactions because of conflicts',
};
const SHARES: Readonly<Record<DatabaseFault, number>> = {
  ...{ throttled: 0.5, failed: 0.3, 'answer-lost': 0.2 },
  ...{ silent: 0.1, unprocessed: 0.7, conflict: 0.5 },
};
const LASTS_MS = 8_000;

export const DATABASE_CHAOS: readonly ChaosFault[] = Object.entries(TITLES).map(([name, title]) => ({
  ...{ name: `database-${name}`, group: 'database', title },
  async apply({ world }) {
    const fault = name as DatabaseFault;
    const databases = [world.relayDatabase, world.serviceDatabase];
    const applied = (): number => databases.reduce((sum, { counts }) => sum + counts[fault], 0);
    const before = applied();
    for (const database of databases) database.begin(fault, SHARES[fault]);
    try {
      await sleep(LASTS_MS);
    } finally {
      for (const database of databases) database.end();
    }
    return applied() > before;
  },
}));
