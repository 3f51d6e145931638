import { connect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../../../local/wait-until';
import { PUBLISH_LIMIT_MS, type ConformanceCase } from '../case';
import type { Load } from '../load';
import type { TcpProxy } from '../proxy';
import { SESSION_MS, type Testbed } from '../testbed';
import { loggedIn, permissionKnown, permit } from '../topics';
import { aloneUnderLoad, currentCallsEnded, progress } from './under-load';

/** A request takes a tenth of a second. */
const SLOW = { delayMs: 40, bytesPerSecond: 100_000 };
/** A request takes longer than its time limit; its last bytes arrive when the client has given up. */
const TOO_SLOW = { delayMs: 40, bytesPerSecond: 500 };
const SLOW_MS = 8_000;

export const slow: ConformanceCase = {
  name: 'slow',
  title: 'connections are slow, then too slow for any request, then fast again',
  catchesControls: true,
  run: (context) =>
    aloneUnderLoad(context, {
      ...{ topic: 'slow', route: 'proxied' },
      disturb: (loads) =>
        restoring(context.testbed.proxies.proxied, async (proxies) => {
          proxies.forEach((proxy) => proxy.slowDown(SLOW));
          await progress(loads, 'over slow connections');
          await sleep(SLOW_MS);
          proxies.forEach((proxy) => proxy.slowDown(TOO_SLOW));
          await sleep(PUBLISH_LIMIT_MS);
        }),
    }),
};

const SILENT = 'connections stay open and go silent: the old ones, then new ones too, then those of one broker';

export const halfOpen: ConformanceCase = {
  name: 'half-open',
  title: SILENT,
  run: (context) =>
    aloneUnderLoad(context, {
      ...{ topic: 'half-open', route: 'proxied' },
      disturb: (loads) => restoring(context.testbed.proxies.proxied, (proxies) => silenceInTurn(proxies, loads)),
    }),
};

export const halfOpenLogin: ConformanceCase = {
  name: 'half-open-login',
  title: `with TLS and a login, ${SILENT}`,
  run: (context) =>
    aloneUnderLoad(context, {
      ...{ topic: 'half-open-login', route: 'login' },
      prepare: (topic) => permitWrites(context.testbed, topic),
      disturb: (loads) => restoring(context.testbed.proxies.login, (proxies) => silenceInTurn(proxies, loads)),
    }),
};

async function silenceInTurn(proxies: readonly TcpProxy[], loads: readonly Load[]): Promise<void> {
  proxies.forEach((proxy) => proxy.silenceConnections());
  await progress(loads, 'over new connections');
  proxies.forEach((proxy) => proxy.silence());
  await currentCallsEnded(loads);
  const before = loads.map(({ acknowledged }) => acknowledged.size);
  await currentCallsEnded(loads);
  if (loads.some(({ acknowledged }, at) => acknowledged.size !== before[at])) {
    throw new Error('A message was acknowledged although no connection forwards anything.');
  }
  proxies.forEach((proxy) => proxy.restore());
  await progress(loads, 'after the silence');
  proxies[0]?.silence();
  await currentCallsEnded(loads);
  await currentCallsEnded(loads);
}

async function restoring(
  proxies: readonly TcpProxy[],
  disturb: (proxies: readonly TcpProxy[]) => Promise<void>,
): Promise<void> {
  try {
    await disturb(proxies);
  } finally {
    proxies.forEach((proxy) => proxy.restore());
  }
}

const SESSIONS = 3;

export const expiringCredentials: ConformanceCase = {
  name: 'expiring-credentials',
  title: `a login is valid for ${SESSION_MS / 1_000} s, then the broker ends the connection`,
  run: (context) =>
    aloneUnderLoad(context, {
      ...{ topic: 'expiring-credentials', route: 'login' },
      prepare: (topic) => permitWrites(context.testbed, topic),
      async disturb(loads) {
        await untilSessionsEnd(context.testbed, SESSIONS);
        await progress(loads, `after ${SESSIONS} sessions`);
      },
    }),
};

async function permitWrites(testbed: Testbed, topic: string): Promise<void> {
  await permit(testbed, topic, 'write');
  await permissionKnown(testbed, topic);
}

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
