import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { startKafka, type KafkaCluster } from '../../local/kafka/cluster';
import type { SaslLogin } from './client';
import { TcpProxy } from './proxy';

/** The ways that a client can take to the brokers. */
export const ROUTES = ['direct', 'proxied', 'login'] as const;
export type Route = (typeof ROUTES)[number];

/** Three brokers, the proxies in front of them, and a listener that demands a login. */
export interface Testbed {
  readonly cluster: KafkaCluster;
  readonly proxies: readonly TcpProxy[];
  readonly login: SaslLogin;
  /** Addresses for clients, by the way that they take. */
  readonly addresses: Readonly<Record<Route, readonly string[]>>;
  stop(): Promise<void>;
}

const NODES = 3;

/**
 * Longer than the ten seconds before the end of a session in which kafkajs logs in again, and short enough for several
 * sessions within a case.
 */
export const SESSION_MS = 12_000;

/** Starts the brokers. Until it stops, this process trusts their certificate. */
export async function startTestbed(): Promise<Testbed> {
  const proxies = await Promise.all(Array.from({ length: NODES }, () => TcpProxy.listen()));
  const closeProxies = (): Promise<unknown> => Promise.all(proxies.map((proxy) => proxy.close()));
  const login = { mechanism: 'scram-sha-512', username: 'relay', password: 'of the relay' } as const;
  let cluster: KafkaCluster;
  try {
    cluster = await startKafka({
      nodes: NODES,
      listeners: [
        { name: 'PROXIED', advertised: proxies.map(({ address }) => address) },
        { name: 'LOGIN', login: { ...login, sessionMs: SESSION_MS } },
      ],
    });
  } catch (error) {
    await closeProxies();
    throw error;
  }
  const [proxied = [], withLogin = []] = cluster.listeners;
  for (const [at, target] of proxied.entries()) proxies[at]?.forwardTo(target);
  const trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, cluster.certificate ?? '']);
  return {
    ...{ cluster, proxies, login },
    addresses: { direct: cluster.brokers, proxied: proxies.map(({ address }) => address), login: withLogin },
    async stop() {
      setDefaultCACertificates(trusted);
      await Promise.all([closeProxies(), cluster.stop()]);
    },
  };
}
