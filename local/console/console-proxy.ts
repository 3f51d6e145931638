import { setTimeout as sleep } from 'node:timers/promises';
import { startDynamoDbProxy, type DynamoDbProxy } from '../dynamodb-proxy';

/** Capacity that requests have consumed on one table. */
export interface ConsumedUnits {
  readonly tableName: string;
  readonly units: number;
  readonly kind: 'read' | 'write';
}

/** A proxy that counts the consumed capacity, as CloudWatch's metrics of a table report it, and can be made to fail. */
export interface ConsoleProxy extends DynamoDbProxy {
  isSlow: boolean;
  isSilent: boolean;
  /** Called for each table of each response. */
  onConsumed: (consumed: ConsumedUnits) => void;
}

export const SLOW_DYNAMODB_MS = 1_500;

const KINDS: Readonly<Record<string, ConsumedUnits['kind']>> = {
  ...{ GetItem: 'read', BatchGetItem: 'read', TransactGetItems: 'read', Query: 'read', Scan: 'read' },
  ...{ PutItem: 'write', UpdateItem: 'write', DeleteItem: 'write', BatchWriteItem: 'write' },
  // Of PartiQL, the relay uses statements only for its marks.
  ...{ TransactWriteItems: 'write', BatchExecuteStatement: 'write' },
};
const TO_COUNT = '"ReturnConsumedCapacity":"TOTAL",';
const CONSUMED = /"TableName":"([^"]+)","CapacityUnits":([\d.]+)|"CapacityUnits":([\d.]+),"TableName":"([^"]+)"/g;

export async function startConsoleProxy(target: string): Promise<ConsoleProxy> {
  const settings: Omit<ConsoleProxy, keyof DynamoDbProxy> = {
    isSlow: false,
    isSilent: false,
    onConsumed: () => undefined,
  };
  const proxy = await startDynamoDbProxy({
    target,
    async treat({ operation, body }) {
      if (settings.isSilent) return { kind: 'silence' };
      if (settings.isSlow) await sleep(SLOW_DYNAMODB_MS);
      const counts = KINDS[operation] !== undefined && !body.includes('"ReturnConsumedCapacity"');
      return { kind: 'pass', body: counts ? body.replace('{', `{${TO_COUNT}`) : body };
    },
    onResponse({ operation }, response) {
      const kind = KINDS[operation];
      if (kind === undefined) return;
      for (const [, tableName, units, unitsFirst, tableLast] of response.matchAll(CONSUMED)) {
        settings.onConsumed({ tableName: tableName ?? tableLast ?? '', units: Number(units ?? unitsFirst), kind });
      }
    },
  });
  return Object.assign(settings, proxy);
}
