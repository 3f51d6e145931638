import type { FunctionBrokers } from './deployment';
import { ok, unknown, warn, worstOf, wrong, type CheckResult } from './lookup';

const hostOf = (broker: string): string => broker.replace(/:\d+$/, '');
const portOf = (broker: string): string => broker.slice(hostOf(broker).length + 1);

/** The host name that all brokers of an MSK cluster share; `undefined` for brokers that are not of MSK. */
export function mskDomainOf(broker: string): string | undefined {
  const host = hostOf(broker);
  if (/\.kafka-serverless\.[^.]+\.amazonaws\.com(\.cn)?$/.test(host)) return host;
  return /\.kafka\.[^.]+\.amazonaws\.com(\.cn)?$/.test(host) ? host.replace(/^[^.]+\./, '') : undefined;
}

const DEPLOY =
  'Deploy again with `npx cdk deploy --force`: the CDK skips a stack whose template is the same, and the address of a broker is not in it.';

export function checkBrokers(functions: readonly FunctionBrokers[]): CheckResult {
  const checked = functions.map((one) => ({ name: one.functionName, ...checkFunctionBrokers(one) }));
  const worst = worstOf(checked);
  const shown = checked.filter(({ verdict }) => worst === 'ok' || verdict !== 'ok');
  return {
    verdict: worst,
    found: shown.map(({ name, found }) => `${name}: ${found}`).join('; '),
    remedy: shown.find(({ remedy }) => remedy !== undefined)?.remedy,
  };
}

function checkFunctionBrokers({ brokers, cluster }: FunctionBrokers): CheckResult {
  if ('because' in cluster) return unknown(cluster);
  if (cluster.value === undefined) return ok('brokers that are not of Amazon MSK, so nothing to compare them with');
  const { clusterName, current, hosts } = cluster.value;
  if (current.length === 0) {
    return wrong(
      `cluster ${clusterName} has no brokers for its kind of login`,
      'Switch that login on in the cluster, or give the Outbox construct another `authentication`.',
    );
  }
  const known = new Set([...current.map(hostOf), ...hosts]);
  const ports = new Set(current.map(portOf));
  const stale = brokers.filter((broker) => !known.has(hostOf(broker)) || !ports.has(portOf(broker)));
  if (stale.length === 0) return ok(`its ${brokers.length} brokers are brokers of ${clusterName} now`);
  const text = `${stale.join(', ')} of its brokers are not of ${clusterName} now, which has ${current.join(', ')}`;
  // One current broker is enough to find the others.
  return stale.length < brokers.length ? warn(text, DEPLOY) : wrong(`${text}: it reaches none`, DEPLOY);
}
