import type { Hold } from '../../../lib/event/control';
import { checkReachability } from '../../../lib/operate/kafka-metadata';
import { held } from '../../../lib/operate/held';
import { follow } from '../../../lib/operate/follow';
import type { KafkaTarget } from '../../../lib/operate/kafka-target';
import { planRedrive, redrive } from '../../../lib/operate/redrive';
import { type ShownItem, type ShownKey } from '../../../lib/operate/show';
import { verify } from '../../../lib/operate/verify/verify';
import { examine } from '../examine';
import { count, duration } from '../format';
import { arePagesSound, pageLines, testPages } from '../page-test';
import type { PagePlan } from '../../../lib/operate/page-test';
import type { Session } from '../session';
import { ABSENT_TOPIC, AGGREGATE, EVENTS_PER_KEY, KEYS, removeDone, type SmokeEvents } from './events';
import { done, failed, skipped, type Outcome, type Step } from './steps';
import { pollUntil } from './poll-until';

export interface SmokeSettings {
  readonly session: Session;
  readonly events: SmokeEvents;
  readonly topic: string;
  readonly kafka: KafkaTarget;
  /** How long the relay keeps a processed item; 0 deletes it. */
  readonly retentionSeconds: number;
  /** `undefined`: there are no alarms, as on the local stack. */
  readonly pages: PagePlan | undefined;
  /** How long the relay may take. */
  readonly timeoutMs: number;
  readonly yes: boolean;
  readonly without: readonly string[];
}

const ALL = KEYS * EVENTS_PER_KEY;
/** A step that asks a person must leave time to look into a mailbox. */
const ASKING_MS = 600_000;
/** The relay parks at most 25 keys within five minutes, and a smoke test must not be the last of them. */
const MOST_RECENT_HOLDS = 15;
const BREAKER_MS = 300_000;
/** Time for the calls around a wait. */
const MARGIN_MS = 30_000;

export function smokeSteps(settings: SmokeSettings): Step[] {
  const { timeoutMs, without } = settings;
  const steps: Step[] = [
    {
      name: 'doctor',
      doing: 'comparing what is deployed with what is needed',
      timeoutMs: 120_000,
      next: 'outbox doctor',
      run: () => examined(settings),
    },
    {
      name: 'write',
      doing: `writing ${ALL} events`,
      timeoutMs: 2 * timeoutMs + 120_000,
      next: 'May you write to the table? docs/security.md, and outbox doctor for the table itself.',
      run: (progress) => written(settings, progress),
    },
    {
      name: 'publish',
      doing: 'waiting for the relay',
      needs: ['write'],
      timeoutMs: timeoutMs + MARGIN_MS,
      next: 'docs/runbooks/relay-silent.md and the log of the relay. A new mapping takes some minutes to poll.',
      run: (progress) => published(settings, progress),
    },
    {
      name: 'read',
      doing: 'reading the events back from Kafka',
      needs: ['publish'],
      timeoutMs: 180_000,
      next: 'outbox verify --since 1h, where the brokers can be reached.',
      run: (progress) => readBack(settings, progress),
    },
    {
      name: 'alarms',
      doing: 'setting alarms off',
      timeoutMs: ASKING_MS,
      next: 'docs/operations.md, "Do notices arrive?"',
      run: () => alarmed(settings),
    },
    {
      name: 'park',
      doing: 'waiting until an event is parked',
      needs: ['publish'],
      timeoutMs: 4 * timeoutMs + MARGIN_MS,
      next: 'docs/runbooks/held-keys.md, and outbox held',
      run: (progress) => parked(settings, progress),
    },
  ];
  return [
    ...steps.map((step) =>
      without.includes(step.name)
        ? { ...step, needs: [], run: () => Promise.resolve(skipped('left out by --without')) }
        : step,
    ),
  ];
}

async function examined({ session }: SmokeSettings): Promise<Outcome> {
  const { lines } = await examine(session);
  const wrong = lines.filter(({ verdict }) => verdict === 'wrong');
  const [warnings, unknown] = (['warn', 'unknown'] as const).map(
    (verdict) => lines.filter((line) => line.verdict === verdict).length,
  );
  const counted = `${count(warnings ?? 0, 'warning')}, ${count(unknown ?? 0, 'check')} not possible here`;
  return wrong.length === 0
    ? done(`nothing is wrong (${counted})`)
    : failed(`${wrong.map(({ check, found }) => `${check}: ${found}`).join('; ')} (${counted})`);
}

async function written(settings: SmokeSettings, progress: (text: string) => void): Promise<Outcome> {
  const { events, topic, timeoutMs, retentionSeconds } = settings;
  const [pk = ''] = events.keys;
  await events.writeFirst();
  progress('waiting for the first event');
  const first = await pollUntil(
    async () => {
      const key = await events.read(pk);
      const isOut =
        retentionSeconds === 0 ? key.items.length === 0 : key.items.every(({ state }) => state === 'processed');
      return isOut || key.hold !== undefined ? key : undefined;
    },
    { timeoutMs },
  );
  if (first === undefined) {
    return failed(
      `the first event was not published within ${duration(timeoutMs)}, and no more were written`,
      'docs/runbooks/relay-silent.md and the log of the relay. A new mapping takes some minutes to poll.',
    );
  }
  if (first.hold !== undefined) {
    const { reason, message } = first.hold;
    // Nothing waits behind the event, so a skip releases the key.
    const released = await ask(settings, pk, true);
    return failed(
      `Kafka refuses the first event for ${topic}, and no more were written: ${reason}: ${message} (skipped: ${released})`,
      'Does the topic exist, and is it in `topics` of the Outbox construct? docs/runbooks/held-keys.md',
    );
  }
  await events.writeRest((events) => progress(`${events} of ${ALL} events are committed`));
  return done(`${ALL} events in ${KEYS} keys to ${topic}`);
}

async function published(
  { events, retentionSeconds, timeoutMs }: SmokeSettings,
  progress: (text: string) => void,
): Promise<Outcome> {
  let keys: readonly ShownKey[] = [];
  const isDone = ({ items }: ShownKey): boolean =>
    retentionSeconds === 0 ? items.length === 0 : items.every(({ state }) => state === 'processed');
  const all = await pollUntil(
    async () => {
      keys = await Promise.all(events.keys.map((pk) => events.read(pk)));
      progress(`${ALL - openOf(keys).length} of ${ALL} events are acknowledged`);
      return keys.every(isDone) ? keys : undefined;
    },
    { timeoutMs },
  );
  if (all === undefined) {
    const parkedItems = keys.flatMap(({ items }) => items).flatMap(({ parked }) => parked ?? []);
    const [first] = parkedItems;
    return first === undefined
      ? failed(`${openOf(keys).length} of ${ALL} events are still pending after ${duration(timeoutMs)}`)
      : failed(
          `Kafka refuses them: ${first.reason}: ${first.message}`,
          'docs/runbooks/held-keys.md. Does the topic exist, and is it in `topics` of the Outbox construct?',
        );
  }
  if (retentionSeconds === 0) return done(`all ${ALL} were published and deleted (retention 0 keeps no receipts)`);
  const items = all.flatMap((key) => key.items);
  const slowest = Math.max(...items.map(({ processedAt = 0, committedAt = 0 }) => processedAt - committedAt));
  const receipts = items.flatMap((item) => item.receipts);
  return receipts.length === ALL
    ? done(`all ${ALL} have receipts, the slowest after ${(slowest / 1000).toFixed(1)} s`)
    : failed(`${receipts.length} of ${ALL} have receipts`);
}

const openOf = (keys: readonly ShownKey[]): ShownItem[] =>
  keys.flatMap(({ items }) => items.filter(({ state }) => state === 'pending' || state === 'parked'));

async function readBack(
  { session, events, kafka, retentionSeconds }: SmokeSettings,
  progress: (text: string) => void,
): Promise<Outcome> {
  if (retentionSeconds === 0) return skipped('with retention 0 the table keeps nothing to compare Kafka with');
  if ((await checkReachability(kafka.brokers)).every(({ error }) => error !== undefined)) {
    return skipped(
      `none of ${kafka.brokers.join(', ')} can be reached from here, as usual outside of their VPC: the receipts in the table are all that is known`,
    );
  }
  const report = await verify(session.target, kafka, {
    sinceMs: 0,
    keys: events.keys,
    onProgress: ({ passed, toPass }) => progress(`${passed} of ${toPass} offsets of the topic are read`),
  });
  if (report.events !== ALL) return failed(`the table has ${report.events} of ${ALL} events`);
  if (report.unreadTopics.length > 0)
    return skipped(
      `not everything could be read: ${report.unreadTopics.map(({ topic, why }) => `${topic}: ${why}`).join('; ')}`,
    );
  const numberOf = (isMeant: (kind: string) => boolean): number =>
    report.counts.reduce((sum, { kind, count: findings }) => sum + (isMeant(kind) ? findings : 0), 0);
  // Duplicates are allowed: a relay that crashes publishes again.
  const wrong = numberOf((kind) => kind !== 'duplicate');
  if (wrong > 0) {
    const first = report.findings.find(({ kind }) => kind !== 'duplicate');
    return failed(`${wrong} of ${ALL} are not as they should be, the first: ${first?.kind ?? ''}`);
  }
  const repeated = numberOf((kind) => kind === 'duplicate');
  const twice = repeated === 0 ? '' : `, ${repeated} of them twice, which is allowed`;
  return done(`all ${ALL} lie in Kafka where their receipts say, in order${twice}`);
}

async function alarmed({ session, pages, yes }: SmokeSettings): Promise<Outcome> {
  if (pages === undefined) return skipped('the local stack has no alarms');
  if (pages.paths.length === 0) return skipped('no alarm notifies an SNS topic: see outbox doctor');
  const tested = await testPages(session, pages, { yes });
  const text = pageLines(tested).join('\n');
  return arePagesSound(tested) ? done(text) : failed(text);
}

async function parked(settings: SmokeSettings, progress: (text: string) => void): Promise<Outcome> {
  const { session, events, timeoutMs } = settings;
  const { target } = session;
  const holds = await held(target);
  const recent = holds.filter(({ since }) => Date.now() - since < BREAKER_MS).length;
  if (recent > MOST_RECENT_HOLDS) {
    return skipped(`${recent} keys were held within five minutes: one more could look like an outage to the relay`);
  }
  await releaseFormer(settings, holds);

  const pk = events.parkedKey;
  await events.writeParked();
  progress('waiting until it is parked');
  const first = await pollUntil(
    async () => {
      const key = await events.read(pk);
      const isPublished = key.items.some(({ position, state }) => Number(position) === 1 && state === 'processed');
      return key.hold !== undefined || isPublished ? key : undefined;
    },
    { timeoutMs },
  );
  if (first === undefined) return failed(`the event for topic ${ABSENT_TOPIC} was not parked`);
  if (first.hold === undefined) {
    return failed(
      `the event for topic ${ABSENT_TOPIC} was published: the topic was created, or the cluster creates topics`,
      'Delete the topic, and set auto.create.topics.enable=false on the cluster.',
    );
  }
  const { reason } = first.hold;

  progress('waiting for a redrive');
  const again = await ask(settings, pk, false);
  if (again !== 'held') return failed(`a redrive of ${pk} ended as "${again}", not refused again`);
  progress('waiting for a skip');
  const released = await ask(settings, pk, true);
  if (released !== 'released') return failed(`a skip of ${pk} ended as "${released}", not released`);
  const last = await pollUntil(
    async () => {
      const { items, hold } = await events.read(pk);
      return hold === undefined && items.every(({ state }) => state === 'processed' || state === 'discarded')
        ? true
        : undefined;
    },
    { timeoutMs },
  );
  return last === true
    ? done(`one event was parked (${reason}), redriven, refused again and skipped; the one behind it went out`)
    : failed(`the event behind the skipped one of ${pk} was not published`);
}

/** Redrives or skips one key, and waits until the relay has acted. */
async function ask({ session, events, timeoutMs }: SmokeSettings, pk: string, skip: boolean): Promise<string> {
  const { target } = session;
  const plan = await planRedrive(target, { keys: [pk] });
  const request = { by: await session.by(), at: Date.now(), why: `smoke test ${events.run}` };
  const { asked, failed: refused } = await redrive(target, plan, request, { skip });
  if (refused.length > 0) return refused[0]?.why ?? '';
  const [ended] = await follow(target, asked, { timeoutMs });
  return ended?.outcome ?? 'nothing to do';
}

/** No run takes that long. */
const FORMER_MS = 3_600_000;

/** Releases the keys of interrupted runs, which nothing else releases. A run at the same time keeps its own. */
async function releaseFormer({ session }: SmokeSettings, holds: readonly Hold[]): Promise<void> {
  const keys = holds
    .filter(({ pk, since }) => pk.startsWith(`${AGGREGATE}#`) && Date.now() - since > FORMER_MS)
    .map(({ pk }) => pk);
  if (keys.length === 0) return;
  const request = { by: await session.by(), at: Date.now(), why: 'left by a smoke test that was interrupted' };
  await redrive(session.target, await planRedrive(session.target, { keys }), request, { skip: true });
}

/** Deletes the items of the run that are processed or discarded. Unpublished items stay. */
export async function cleanUp({ session, events }: SmokeSettings): Promise<{ removed: number; left: number }> {
  let [removed, left] = [0, 0];
  for (const pk of [...events.keys, events.parkedKey]) {
    const key = await events.read(pk);
    const gone = await removeDone(session.target, key);
    removed += gone;
    left += key.items.length - gone;
  }
  return { removed, left };
}
