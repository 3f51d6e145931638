import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { startKafka, type KafkaCluster } from '../../local/kafka/cluster';
import type { SaslLogin } from './client';
import { TcpProxy } from './proxy';

/** The ways to the brokers that have proxies, one in front of each broker. */
type ProxiedRoute = 'proxied' | 'login';
export type Route = 'direct' | ProxiedRoute;

/** Three brokers. Clients reach them directly, through proxies, or through proxies and with a login over TLS. */
export interface Testbed {
  readonly cluster: KafkaCluster;
  readonly proxies: Readonly<Record<ProxiedRoute, readonly TcpProxy[]>>;
  readonly login: SaslLogin;
  /** Addresses for clients, by the way that they take. */
  readonly addresses: Readonly<Record<Route, readonly string[]>>;
  stop(): Promise<void>;
}

const NODES = 3;

/** Shorter than the ten seconds before the end of a session in which kafkajs logs in again by default. */
export const SESSION_MS = 5_000;

/** Starts the brokers. Until it stops, this process trusts their certificate. */
export async function startTestbed(): Promise<Testbed> {
  const proxies = { proxied: await listen(), login: await listen() };
  const addresses = { proxied: addressesOf(proxies.proxied), login: addressesOf(proxies.login) };
  const closeProxies = async (): Promise<void> => {
    await Promise.all(Object.values(proxies).flatMap((each) => each.map((proxy) => proxy.close())));
  };
  const login = { mechanism: 'scram-sha-512', username: 'relay', password: 'of the relay' } as const;
  let cluster: KafkaCluster;
  try {
    cluster = await startKafka({
      nodes: NODES,
      listeners: [
        { name: 'PROXIED', advertised: addresses.proxied },
        { name: 'LOGIN', advertised: addresses.login, login: { ...login, sessionMs: SESSION_MS } },
      ],
    });
  } catch (error) {
    await closeProxies();
    throw error;
  }
  for (const [at, each] of [proxies.proxied, proxies.login].entries()) {
    for (const [node, target] of (cluster.listeners[at] ?? []).entries()) each[node]?.forwardTo(target);
  }
  const trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, cluster.certificate ?? '']);
  return {
    ...{ cluster, proxies, login },
    addresses: { direct: cluster.brokers, ...addresses },
    async stop() {
      setDefaultCACertificates(trusted);
      await Promise.all([closeProxies(), cluster.stop()]);
    },
  };
}

const listen = (): Promise<TcpProxy[]> => Promise.all(Array.from({ length: NODES }, () => TcpProxy.listen()));
const addressesOf = (proxies: readonly TcpProxy[]): string[] => proxies.map(({ address }) => address);
