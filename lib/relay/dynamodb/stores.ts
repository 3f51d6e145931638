import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { wait, type Sleep } from '../../timing/wait';
import type { RelayConfig } from '../environment';
import type { Clock, RelayPorts } from '../ports';
import { controlStore } from './control';
import { ControlWriter } from './control-writer';
import { crashCounter } from './crash-counter';
import { drainStore } from './drains';
import { keyReader } from './keys';
import { markWriter, receiptWriter } from './marks';
import { parkWriter } from './park';
import { signalStore } from './signals';

type Stores = Pick<RelayPorts, 'items' | 'keys' | 'control' | 'drains' | 'signals'>;

/** The stores of one relay process over its table. They share one writer to the control partition. */
export function dynamoDbStores(
  client: DynamoDBClient,
  { tableName, retentionSeconds, home }: Pick<RelayConfig, 'tableName' | 'retentionSeconds' | 'home'>,
  clock: Clock,
  sleep: Sleep = wait,
): Stores {
  const table = { client, tableName, home };
  const writer = new ControlWriter(table, sleep);
  return {
    items: {
      mark: markWriter(client, { tableName, retentionSeconds }, clock, sleep),
      ...parkWriter(table, writer, clock),
      ...crashCounter(client, tableName),
      // Each region publishes to its own brokers: receipts of one region must not count in another.
      ...(home === undefined ? { noteReceipts: receiptWriter(client, tableName) } : {}),
    },
    keys: keyReader(table, sleep),
    control: controlStore(table, clock),
    drains: drainStore({ ...table, retentionSeconds }, writer, clock),
    signals: signalStore(client, tableName, clock),
  };
}
