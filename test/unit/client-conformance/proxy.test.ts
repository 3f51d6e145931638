import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TcpProxy } from '../../client-conformance/proxy';

let echo: Server;
let proxy: TcpProxy;
const sockets: Socket[] = [];
beforeEach(async () => {
  echo = createServer((socket) => socket.pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await TcpProxy.listen();
  proxy.forwardTo(`127.0.0.1:${(echo.address() as AddressInfo).port}`);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
  echo.close();
});

async function opened(): Promise<Socket> {
  const socket = connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** The answer of the echo server; `undefined` if none comes within `ms`. */
async function answer(socket: Socket, text: string, ms = 5_000): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  const collect = (chunk: Buffer): void => void chunks.push(chunk);
  socket.on('data', collect);
  socket.write(text);
  const deadline = performance.now() + ms;
  while (Buffer.concat(chunks).length < text.length && performance.now() < deadline) await sleep(5);
  socket.off('data', collect);
  const got = Buffer.concat(chunks).toString();
  return got === '' ? undefined : got;
}

const SILENT_MS = 100;

it('forwards in both directions, and the end of a connection', async () => {
  const socket = await opened();
  const large = 'x'.repeat(300_000);
  expect(await answer(socket, large)).toBe(large);
  socket.end();
  await once(socket, 'close');
});

it('forwards every byte of a slow connection in order, and takes its time', async () => {
  const socket = await opened();
  proxy.slowDown({ delayMs: 20, bytesPerSecond: 10_000 });
  const text = Array.from({ length: 400 }, (_, at) => String(at)).join();
  const startedAt = performance.now();

  expect(await answer(socket, text)).toBe(text);
  // The directions overlap.
  expect(performance.now() - startedAt).toBeGreaterThan((text.length / 10) * 0.9);
});

it('keeps silent connections open and silent, while new ones work', async () => {
  const old = await opened();
  expect(await answer(old, 'before')).toBe('before');
  proxy.silenceConnections();

  expect(await answer(old, 'lost', SILENT_MS)).toBeUndefined();
  expect(await answer(await opened(), 'new')).toBe('new');
  proxy.restore();
  expect(await answer(old, 'lost too', SILENT_MS)).toBeUndefined();
  expect([old.destroyed, old.readableEnded]).toEqual([false, false]);
});

it('accepts connections without an answer until it is restored', async () => {
  proxy.silence();
  const silent = await opened();
  expect(await answer(silent, 'lost', SILENT_MS)).toBeUndefined();

  proxy.restore();
  expect(await answer(await opened(), 'new')).toBe('new');
  expect(await answer(silent, 'lost too', SILENT_MS)).toBeUndefined();
  expect(silent.readableEnded).toBe(false);
});

it('ends the connection if the broker is gone', async () => {
  echo.close();
  await once(echo, 'close');
  const socket = await opened();
  socket.on('error', () => undefined);
  await once(socket, 'close');
});
