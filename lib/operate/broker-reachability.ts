import { connect } from 'node:net';

/** Whether a broker accepts a connection from here. */
export interface BrokerReachability {
  /** `host:port`. */
  readonly broker: string;
  /** The reason if it does not. Left out if it does. */
  readonly error?: string;
}

const CONNECT_MS = 3_000;

/** Opens a TCP connection to each broker, and closes it: no login, no request. */
export const checkReachability = (brokers: readonly string[], timeoutMs = CONNECT_MS): Promise<BrokerReachability[]> =>
  Promise.all(brokers.map((broker) => probe(broker, timeoutMs)));

async function probe(broker: string, timeoutMs: number): Promise<BrokerReachability> {
  const [, host, port] = /^(.*):(\d{1,5})$/.exec(broker) ?? [];
  if (host === undefined || port === undefined || Number(port) > 65_535) {
    return { broker, error: 'not of the form host:port' };
  }
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) });
  const timer = setTimeout(() => resolve(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
  socket.once('connect', () => resolve(undefined));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  const error = await promise;
  clearTimeout(timer);
  socket.destroy();
  return error === undefined ? { broker } : { broker, error };
}

/** The brokers that cannot be reached, each with the reason. */
export const unreachableBrokers = (probed: readonly BrokerReachability[]): string =>
  probed.flatMap(({ broker, error }) => (error === undefined ? [] : [`${broker} (${error})`])).join(', ');
