import { FaultTrials, type Beginning } from '../../../../local/console/fault-trials';
import type { Fault } from '../../../../local/console/faults';
import { arePublishedInOrder, expectation, type Observation } from '../../../../local/console/observation';
import type { EventOnItsWay } from '../../../../local/console/event-on-its-way';

let seen: Partial<Observation>;
let calls: string[];
let fail: Error | undefined;
let trials: FaultTrials;
let observed: Beginning[];

const lasting: Fault = {
  ...{ name: 'outage', label: 'Outage', shortcut: 'o' },
  expected: [
    expectation('Events wait.', ({ unpublished }) => unpublished > 5),
    expectation('The alarm turns red.', ({ isRed }) => isRed('relay-silent')),
  ],
  recovery: [expectation('Nothing waits.', ({ unpublished }) => unpublished === 0)],
  begin() {
    calls.push('begin');
    return fail === undefined ? Promise.resolve('order#7') : Promise.reject(fail);
  },
  end() {
    calls.push('end');
    return Promise.resolve();
  },
};
const momentary: Fault = { ...lasting, name: 'kill', end: undefined, recovery: [] };

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000 });
  observed = [];
  seen = { unpublished: 0, isRed: () => false };
  calls = [];
  fail = undefined;
  trials = new FaultTrials([lasting, momentary], {
    begin: (fault) => ({
      ...{ atMs: Date.now(), arrived: 0, applied: 0, relayPid: 1 },
      heldBefore: fault?.heldBefore ?? new Set([`held at ${Date.now()}`]),
    }),
    observe: (beginning, key) => {
      observed.push(beginning);
      return { ...seen, key } as never;
    },
  });
});
afterEach(() => jest.useRealTimers());

const statusOf = (name: string) => trials.statuses().find((each) => each.name === name);

it('compares the recovery with the keys that were held before the fault', async () => {
  await trials.set('outage', true);
  jest.setSystemTime(9_000);
  await trials.set('outage', false);
  trials.check(10_000);
  expect(observed).toMatchObject([{ atMs: 9_000, heldBefore: new Set(['held at 1000']) }]);
});

it('names the expected effects before a fault is tried', () => {
  trials.check(2_000);
  expect(statusOf('outage')).toMatchObject({
    ...{ isOn: false, lasts: true, wasTried: false },
    effects: [{ text: 'Events wait.' }, { text: 'The alarm turns red.' }],
  });
  expect(statusOf('kill')).toMatchObject({ lasts: false });
});

it('records when each effect was first seen, and keeps it', async () => {
  await trials.set('outage', true);
  expect(statusOf('outage')).toMatchObject({ isOn: true, key: 'order#7' });
  seen = { ...seen, unpublished: 6 };
  trials.check(3_000);
  seen = { ...seen, unpublished: 0 };
  trials.check(4_000);
  expect(statusOf('outage')?.effects.map(({ seenAfterMs }) => seenAfterMs)).toEqual([2_000, undefined]);
});

it('expects the recovery after the end, and the effects anew when it is tried again', async () => {
  await trials.set('outage', true);
  seen = { ...seen, unpublished: 6 };
  trials.check(3_000);
  jest.setSystemTime(10_000);
  await trials.set('outage', false);
  trials.check(10_500);
  expect(statusOf('outage')).toMatchObject({ isOn: false, wasTried: true, effects: [{ text: 'Nothing waits.' }] });
  expect(statusOf('outage')?.effects[0]?.seenAfterMs).toBeUndefined();
  seen = { ...seen, unpublished: 0 };
  trials.check(12_000);
  expect(statusOf('outage')?.effects[0]?.seenAfterMs).toBe(2_000);
  await trials.set('outage', true);
  expect(statusOf('outage')?.effects.map(({ seenAfterMs }) => seenAfterMs)).toEqual([undefined, undefined]);
});

it('begins and ends each fault once, in order, however often it is asked', async () => {
  await Promise.all([true, true, false, false].map((on) => trials.set('outage', on)));
  expect(calls).toEqual(['begin', 'end']);
});

it('a fault that is over at once is never on', async () => {
  await trials.set('kill', true);
  expect(statusOf('kill')).toMatchObject({ isOn: false, wasTried: true });
  await trials.set('kill', true);
  expect(calls).toEqual(['begin', 'begin']);
});

it('a fault that does not begin was not tried, and can be tried again', async () => {
  fail = new Error('no such topic');
  await expect(trials.set('outage', true)).rejects.toThrow('no such topic');
  expect(statusOf('outage')).toMatchObject({ isOn: false, wasTried: false });
  fail = undefined;
  await trials.set('outage', true);
  expect(statusOf('outage')).toMatchObject({ isOn: true });
});

it('refuses an unknown fault by its name', async () => {
  await expect(trials.set('flood', true)).rejects.toThrow('There is no fault "flood"; there are outage, kill.');
});

describe('arePublishedInOrder', () => {
  const at = (place: string): EventOnItsWay => {
    const [topic = '', partition, offset] = place.split('/');
    const published = offset === undefined ? {} : { partition: Number(partition), offset };
    return { topic, ...published } as EventOnItsWay;
  };
  it.each([
    ['no event', [], false],
    ['ascending offsets', ['orders/1/9', 'orders/1/10'], true],
    ['two topics, each ascending', ['orders/1/9', 'audit/0/3', 'orders/1/10', 'audit/0/4'], true],
    ['descending offsets', ['orders/1/10', 'orders/1/9'], false],
    ['an event that is not published', ['orders/1/9', 'orders'], false],
  ])('%s', (_, places, expected) => {
    expect(arePublishedInOrder(places.map(at))).toBe(expected);
  });
});
