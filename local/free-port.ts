import { createServer, type AddressInfo } from 'node:net';

/** `count` different ports of 127.0.0.1 that nobody listened on just now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise<unknown>((done) => server.close(done))));
  return ports;
}
