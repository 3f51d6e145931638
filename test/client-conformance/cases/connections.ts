import { connect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../../local/wait-until';
import { PUBLISH_LIMIT_MS, type CaseContext, type ConformanceCase } from '../case';
import type { Load } from '../load';
import type { TcpProxy } from '../proxy';
import { SESSION_MS, type Testbed } from '../testbed';
import { loggedIn, permissionKnown, permit } from '../topics';
import { aloneUnderLoad } from './under-load';

/** A request takes a tenth of a second. */
const SLOW = { delayMs: 40, bytesPerSecond: 100_000 };
/** A request takes longer than its time limit; its last bytes arrive when the client has given up. */
const TOO_SLOW = { delayMs: 40, bytesPerSecond: 500 };
const SLOW_MS = 8_000;
const RECOVERED_MS = 30_000;

export const slow: ConformanceCase = {
  name: 'slow',
  title: 'connections are slow, then too slow for any request, then fast again',
  run: (context) =>
    aloneUnderLoad(context, {
      ...{ topic: 'slow', route: 'proxied' },
      disturb: (loads) =>
        restoring(context, async (proxies) => {
          proxies.forEach((proxy) => proxy.slowDown(SLOW));
          await progress(loads, 'over slow connections');
          await sleep(SLOW_MS);
          proxies.forEach((proxy) => proxy.slowDown(TOO_SLOW));
          await sleep(PUBLISH_LIMIT_MS);
        }),
    }),
};

export const halfOpen: ConformanceCase = {
  name: 'half-open',
  title: 'connections stay open and go silent: the old ones, then new ones too, then those of one broker',
  run: (context) =>
    aloneUnderLoad(context, {
      ...{ topic: 'half-open', route: 'proxied' },
      disturb: (loads) =>
        restoring(context, async (proxies) => {
          proxies.forEach((proxy) => proxy.silenceConnections());
          await progress(loads, 'over new connections');
          proxies.forEach((proxy) => proxy.silence());
          const outages = loads.map((load) => load.outages);
          // Longer than any call may take.
          await sleep(PUBLISH_LIMIT_MS);
          if (loads.some((load, at) => load.outages === outages[at])) throw new Error('No call ended with an outage.');
          proxies.forEach((proxy) => proxy.restore());
          await progress(loads, 'after the silence');
          proxies[0]?.silence();
          await sleep(PUBLISH_LIMIT_MS / 2);
        }),
    }),
};

async function restoring(
  { testbed: { proxies } }: CaseContext,
  disturb: (proxies: readonly TcpProxy[]) => Promise<void>,
): Promise<void> {
  try {
    await disturb(proxies);
  } finally {
    proxies.forEach((proxy) => proxy.restore());
  }
}

/** Resolves when each client has acknowledged more. */
async function progress(loads: readonly Load[], when: string): Promise<void> {
  const before = loads.map(({ acknowledged }) => acknowledged.size);
  await waitUntil(`An acknowledgement ${when}`, RECOVERED_MS, () =>
    loads.every(({ acknowledged }, at) => acknowledged.size > (before[at] ?? 0)) ? true : undefined,
  );
}

const SESSIONS = 2;

export const expiringCredentials: ConformanceCase = {
  name: 'expiring-credentials',
  title: `a login is valid for ${SESSION_MS / 1_000} s, then the broker ends the connection`,
  run: (context) =>
    aloneUnderLoad(context, {
      ...{ topic: 'expiring-credentials', route: 'login' },
      async prepare(topic) {
        await permit(context.testbed, topic, 'write');
        await permissionKnown(context.testbed, topic);
      },
      async disturb(loads) {
        await untilSessionsEnd(context.testbed, SESSIONS);
        await progress(loads, `after ${SESSIONS} sessions`);
      },
    }),
};

/** Resolves when the brokers have ended so many connections of a client that never logs in again. */
async function untilSessionsEnd(testbed: Testbed, sessions: number): Promise<void> {
  let ended = 0;
  const never = -Number.MAX_SAFE_INTEGER;
  const kafka = loggedIn(testbed, testbed.addresses.login, {
    reauthenticationThreshold: never,
    socketFactory: ({ host, port, onConnect }) => connect({ host, port }, onConnect).on('end', () => ended++),
  });
  const admin = kafka.admin();
  await admin.connect();
  try {
    await waitUntil(`The end of ${sessions} sessions`, 3 * sessions * SESSION_MS, async () => {
      // Fails when its session has ended, and connects again.
      await admin.describeCluster();
      return ended >= sessions ? true : undefined;
    });
  } finally {
    await admin.disconnect();
  }
}
