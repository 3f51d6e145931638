import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { dynamodbClient } from '../../../../lib/relay/dynamodb/client';
import { markWriter } from '../../../../lib/relay/dynamodb/marks';
import { DYNAMODB_TIMING } from '../../../../lib/relay/environment';

let server: Server;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await once(server.close(), 'close');
});

it(
  'gives up on a table that accepts connections and never answers',
  async () => {
    const client = dynamodbClient({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    });
    const mark = { pk: 'order#42', sk: '0000000000000001', id: 'i', receipts: [] };
    const write = markWriter(client, { tableName: 'outbox', retentionSeconds: 1 }, { now: Date.now }, sleep);

    const failures = await write([mark], 60_000);

    expect(failures.get(mark)).toMatchObject({ name: 'TimeoutError' });
    expect(sockets).toHaveLength(DYNAMODB_TIMING.attempts);
  },
  DYNAMODB_TIMING.slowestCallMs + 60_000,
);
