import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that Linux (32768) and macOS (49152) give to outgoing connections: a port that is chosen now and bound
 * seconds later, or given up while its server restarts, must not become one end of a connection meanwhile.
 */
const FIRST = 20_000;
const END = 30_000;

/** What this process was given already; its servers may not have bound it yet. */
const given = new Set<number>();

/** `count` different ports of 127.0.0.1 that nobody listened on just now; no two calls answer the same. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(FIRST, END);
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
