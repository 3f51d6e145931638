import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePorts } from '../../../local/free-port';

/** The first port of outgoing connections on Linux, the lowest of all systems. */
const FIRST_EPHEMERAL = 32_768;

it('no two calls return the same port, and none returns one that an outgoing connection can get', async () => {
  const ports = (await Promise.all(Array.from({ length: 20 }, () => freePorts(6)))).flat();
  expect(new Set(ports).size).toBe(120);
  expect(Math.max(...ports)).toBeLessThan(FIRST_EPHEMERAL);
});

it('nothing listens on them, and a server can at once', async () => {
  const ports = await freePorts(10);
  const servers = ports.map((port) => createServer().listen(port, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
});
