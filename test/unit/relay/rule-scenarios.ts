import { identityOf } from '../../../lib/event/item';
import { PositionsUnread } from '../../../lib/relay/key-failure';
import { BREAKER } from '../../../lib/relay/park-limits';
import { partitionOf } from '../../../lib/relay/plan-round';
import type { Failure } from '../../../lib/relay/ports';
import { LOOK_UP_AFTER_MS } from '../../../lib/relay/triage';
import { anEvent, anItem, insertOf } from '../../builders/items';
import { aRelay, aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

const outage: Failure = { kind: 'outage', message: 'no broker' };
const notAuthorized: Failure = { kind: 'poison', reason: 'topic-not-authorized', message: 'the ACL was removed' };
const ids = (log: readonly { readonly id: string }[]): string => log.map(({ id }) => id).join();
const versionsOf = (key: string, count: number) =>
  Array.from({ length: count }, (_, at) => anItem({ key, version: at + 1 }));
const partitionOfKey = (key: string): number => partitionOf(Buffer.from(key), 4);

/** Scenarios of the relay, each by the rule that it needs. Each returns what is wrong at its end. */
export const SCENARIOS = {
  'a discarded item is not published': async () => {
    const { handle, kafka, table } = aRelay();
    const [first, second] = versionsOf('42', 2).map((item) => ({ item, record: insertOf(item) }));
    if (first === undefined || second === undefined) throw new Error('There are two.');
    table.tombstones.add(identityOf(first.item));
    await handle([first.record, second.record], plentyOfTime);
    return ids(kafka.log) === second.item.id ? [] : [`published: ${ids(kafka.log)}`];
  },

  'an invocation ends after its keys have failed': async () => {
    const { handle, kafka } = aRelay();
    const [away = '', other = ''] = ['0', '1', '2', '3', '4', '5', '6', '7'].filter(
      (key, at, keys) => keys.findIndex((each) => partitionOfKey(each) === partitionOfKey(key)) === at,
    );
    kafka.refuse = ({ partition }) => (partition === partitionOfKey(away) ? outage : undefined);
    const records = [...versionsOf(away, 2), ...versionsOf(other, 1)].map((item) => insertOf(item));
    let rounds = 0;
    const failed = await handle(records, () => (++rounds < 1_000 ? 90_000 : 0));
    const sends = kafka.publishes.flat().filter(({ partition }) => partition === partitionOfKey(away)).length;
    return [
      ...(failed === 0 ? [] : ['not delivered again']),
      ...(sends === 1 ? [] : [`sent ${sends} times`]),
      ...(rounds < 100 ? [] : ['the invocation goes on until its time is short']),
    ];
  },

  'a key that cannot be read waits': async () => {
    const { handle, kafka, table, clock } = aRelayOverTable();
    const records = ['a', 'b'].map((key) => table.put(anItem({ key, committedAt: clock.at })));
    clock.at += LOOK_UP_AFTER_MS;
    const lookUp = table.lookUp.bind(table);
    table.lookUp = async (positions) => {
      const unread = positions.filter(({ pk }) => pk === 'order#a');
      throw new PositionsUnread(await lookUp(positions.filter(({ pk }) => pk !== 'order#a')), unread);
    };
    const failed = await handle(records, plentyOfTime);
    const published = ids(kafka.log);
    return failed === 0 && published === 'id-order-b-1' ? [] : [`published: ${published}`];
  },

  'the item before a late record is looked up': async () => {
    const { handle, kafka, table, clock } = aRelayOverTable();
    const [, shown] = versionsOf('a', 2).map((item) => table.put({ ...item, committedAt: clock.at }));
    clock.at += 31 * 60_000;
    // The stream has dropped the record of the first item.
    await handle(shown === undefined ? [] : [shown], plentyOfTime);
    return ids(kafka.log) === 'id-order-a-1,id-order-a-2' ? [] : [`published: ${ids(kafka.log)}`];
  },

  'an acknowledged item is marked when its record comes again': async () => {
    const { handle, table } = aRelay();
    const records = versionsOf('42', 2).map((item) => insertOf(item));
    table.failMark = () => true;
    await handle(records, plentyOfTime);
    table.failMark = () => false;
    await handle(records, plentyOfTime);
    return table.marks.size === 2 ? [] : [`${table.marks.size} items are marked`];
  },

  'an acknowledged item is not published again': async () => {
    const { handle, kafka, table } = aRelayOverTable();
    const record = table.put(anItem());
    table.failMark = () => true;
    await handle([record], plentyOfTime);
    await handle([record], plentyOfTime);
    return kafka.log.length === 1 ? [] : [`published: ${ids(kafka.log)}`];
  },

  'an item that is marked costs no read': async () => {
    const { handle, table } = aRelayOverTable();
    const record = table.put(anItem());
    await handle([record], plentyOfTime);
    let reads = 0;
    table.lookUp = (positions) => {
      reads += positions.length;
      return Promise.resolve(new Map<string, never>());
    };
    await handle([record], plentyOfTime);
    return reads === 0 ? [] : [`${reads} positions are read`];
  },

  'an item that is written again under its old id is published': async () => {
    const { handle, kafka, table } = aRelayOverTable({}, { retention: 0 });
    table.failMark = () => true;
    await handle([table.put(anItem())], plentyOfTime);
    // Another process has published the item and deleted it, and a service writes it again.
    table.failMark = () => false;
    await handle([table.put(anItem())], plentyOfTime);
    return kafka.log.length === 2 ? [] : [`published ${kafka.log.length} times`];
  },

  'an item whose record is in a batch twice is sent once': async () => {
    const { handle, kafka } = aRelay();
    const record = insertOf(anItem());
    await handle([record, record], plentyOfTime);
    return kafka.log.length === 1 ? [] : [`published ${kafka.log.length} times`];
  },

  'a refused item waits for the events before it': async () => {
    const { handle, kafka, table } = aRelay();
    const refused = anItem({ key: 'x', version: 2, events: [anEvent({ id: 'lost', topic: 'nowhere' })] });
    kafka.refuse = () => outage;
    await handle([insertOf(anItem({ key: 'x' })), insertOf(refused)], plentyOfTime);
    return table.parkings.length === 0 ? [] : ['parked before the event ahead of it was published'];
  },

  'many refusals are an outage': async () => {
    const { handle, kafka, table } = aRelay();
    kafka.refuse = () => notAuthorized;
    const records = Array.from({ length: BREAKER.maxHolds + 5 }, (_, at) => insertOf(anItem({ key: String(at) })));
    await handle(records, plentyOfTime);
    return table.parkings.length === BREAKER.maxHolds ? [] : [`${table.parkings.length} keys are parked`];
  },

  'the first unsettled record is delivered again': async () => {
    const { handle, kafka } = aRelay();
    kafka.refuse = () => outage;
    const failed = await handle([insertOf(anItem({ key: '1' })), insertOf(anItem({ key: '2' }))], plentyOfTime);
    return failed === 0 ? [] : [`delivered again from ${failed}`];
  },
} satisfies Readonly<Record<string, () => Promise<readonly string[]>>>;
