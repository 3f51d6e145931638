import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { mappingClient, mappingDescriber } from '../../../lib/sweep/lambda-mapping';

it('ends the look at the mapping', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const client = mappingClient({
    ...{ region: 'eu-west-1', endpoint: `http://127.0.0.1:${port}`, maxAttempts: 1 },
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });

  await expect(mappingDescriber(client, 'an-id')()).rejects.toMatchObject({ name: 'TimeoutError' });

  expect(sockets).toHaveLength(1);
  for (const socket of sockets) socket.destroy();
  client.destroy();
  silent.close();
}, 20_000);
