import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that Linux (from 32768) and macOS (from 49152) use for outgoing connections. Otherwise a connection
 * could take a port that is chosen now and bound seconds later, or that is free while its server restarts.
 */
const PORTS = '20000-30000';

/**
 * This variable limits the ports to a range, `<first>-<end>`. Processes that start servers at the same time each get a
 * range of their own, because a port that is chosen and not bound yet looks free to the others.
 */
export const PORT_RANGE = 'OUTBOX_LOCAL_PORTS';

/** Ports that this process received already; its servers may not have bound them yet. */
const given = new Set<number>();

/** Returns `count` different free ports of 127.0.0.1. No two calls in this process return the same port. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const [first = 0, end = 0] = (process.env[PORT_RANGE] ?? PORTS).split('-').map(Number);
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(first, end);
    if (given.has(port)) continue;
    given.add(port);
    if (await canListen(port)) ports.push(port);
  }
  return ports;
}

const canListen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
