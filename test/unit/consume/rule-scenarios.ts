import { OffsetTracker } from '../../../lib/consume/offsets';
import { aRecord, aRig, feed } from '../../builders/consume';

const versions = (...numbers: readonly number[]) => numbers.map((version) => aRecord({ version }));
const counts = (ids: readonly string[]): string =>
  [...Map.groupBy(ids, (id) => id)].map(([id, { length }]) => `${id} ${length} times`).join(', ');

/** Scenarios of a consumer, each by the rule that it needs. Each returns what is wrong at its end. */
export const SCENARIOS = {
  'an event that was never applied is applied late': async () => {
    const rig = aRig();
    await feed(rig, versions(1, 3));
    await feed(rig, versions(2));
    return rig.handled.length === 3 ? [] : [`handled: ${rig.handled.join()}`];
  },

  'an event that is delivered again is a duplicate': async () => {
    const rig = aRig();
    await feed(rig, versions(1, 2));
    await feed(rig, versions(1));
    return rig.handled.length === 2 ? [] : [`handled: ${counts(rig.handled)}`];
  },

  'an event below the newest sixteen of its key is a duplicate': async () => {
    const rig = aRig();
    await feed(rig, versions(...Array.from({ length: 20 }, (_, at) => at + 1)));
    await feed(rig, versions(1));
    return rig.handled.length === 20 ? [] : [`handled: ${counts(rig.handled)}`];
  },

  'an event that was dead-lettered can still be applied': async () => {
    const rig = aRig({ onFailure: 'dead-letter', onUnreadable: 'dead-letter' });
    const [unreadable] = versions(1).map((record) => ({ ...record, value: Buffer.from('{"total":"five"}') }));
    await feed(rig, unreadable === undefined ? [] : [unreadable]);
    await feed(rig, versions(...Array.from({ length: 20 }, (_, at) => at + 2)));
    await feed(rig, versions(1));
    return rig.handled.length === 21 ? [] : [`${rig.handled.length} events are handled`];
  },

  'a replay is ignored': async () => {
    const rig = aRig();
    const [first] = versions(1);
    await feed(rig, first === undefined ? [] : [first]);
    const again = aRecord({ version: 1, headers: { 'outbox-replay': Buffer.from('r') } });
    await feed(rig, [again]);
    return rig.handled.length === 1 ? [] : [`handled: ${counts(rig.handled)}`];
  },

  'two aggregates of one source and key have an inbox each': async () => {
    const rig = aRig();
    const of = (aggregate: string) =>
      aRecord({ version: 1, id: aggregate, source: '/shop', headers: { ce_aggregate: Buffer.from(aggregate) } });
    await feed(rig, [
      aRecord({ version: 20, id: 'first', source: '/shop', headers: { ce_aggregate: Buffer.from('order') } }),
    ]);
    await feed(rig, [of('invoice')]);
    const late = rig.told.of('late').length;
    return late === 0 ? [] : [`${late} events count as late`];
  },

  'an offset is committed if every earlier message is finished': () => {
    const offsets = new OffsetTracker();
    for (const offset of [1n, 2n, 3n]) offsets.begin(offset);
    offsets.finish(2n);
    const { committable } = offsets;
    return Promise.resolve(committable === undefined ? [] : [`${committable} may be committed`]);
  },
} satisfies Readonly<Record<string, () => Promise<readonly string[]>>>;
