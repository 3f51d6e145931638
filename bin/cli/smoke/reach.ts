import { connect } from 'node:net';

const CONNECT_MS = 4_000;

/** The first broker that accepts a connection. This does not check the login. */
export async function reachableBroker(brokers: readonly string[]): Promise<string | undefined> {
  const tries = await Promise.all(
    brokers.map(async (broker) => ((await takesConnection(broker)) ? broker : undefined)),
  );
  return tries.find((broker) => broker !== undefined);
}

function takesConnection(broker: string): Promise<boolean> {
  const [, host = '', port = ''] = /^(.+):(\d+)$/.exec(broker) ?? [];
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(CONNECT_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
