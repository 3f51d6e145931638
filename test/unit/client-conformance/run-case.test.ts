import type { CaseResult, ConformanceCase } from '../../client-conformance/case';
import type { Client } from '../../client-conformance/client';
import type { Verdict } from '../../client-conformance/judge';
import { problemsOf, runCase } from '../../client-conformance/run-case';
import type { Testbed } from '../../client-conformance/testbed';

const result = (changed: Partial<Verdict>, faults: readonly string[] = []): CaseResult => {
  const sound = { acknowledged: 10, lost: [], misplaced: [], reordered: [], duplicates: 0 };
  return { verdict: { ...sound, ...changed }, faults };
};

describe('a client', () => {
  const client = { isControl: false };

  it('passes with a sound verdict, or without one if nothing was wrong', () => {
    expect(problemsOf(client, result({ duplicates: 3 }))).toEqual([]);
    expect(problemsOf(client, { faults: [] })).toEqual([]);
  });

  it.each([
    ['a lost message', result({ lost: ['1'] })],
    ['a misplaced message', result({ misplaced: ['1'] })],
    ['a reordered message', result({ reordered: ['1'] })],
    ['a fault', result({}, ['slow'])],
    ['a fault without a verdict', { faults: ['slow'] }],
  ])('fails with %s', (_, failed) => {
    expect(problemsOf(client, failed)).toHaveLength(1);
  });
});

describe('a control', () => {
  const control = { isControl: true };

  it('is as expected if it lost messages', () => {
    expect(problemsOf(control, result({ lost: ['1'] }, ['partition 3 was not acknowledged again']))).toEqual([]);
  });

  it.each([
    ['acknowledged nothing', result({ acknowledged: 0 })],
    ['acknowledged nothing', { faults: ['No broker responds.'] }],
    ['lost nothing', result({})],
    ['lost nothing', result({ misplaced: ['1'] })],
  ])('proves nothing if it %s', (why, failed) => {
    expect(problemsOf(control, failed)).toEqual([`the control ${why}, so it proves nothing`, ...failed.faults]);
  });
});

it('closes every client that a case opened, also if the case fails', async () => {
  const closed: string[] = [];
  const client: Client = {
    ...{ name: 'fake', isControl: false },
    open: ({ brokers, sasl }) => ({
      publish: () => Promise.resolve([]),
      close: () => Promise.resolve(closed.push(`${brokers.join()} ${sasl?.username ?? 'without a login'}`)),
    }),
  };
  const testbed = {
    login: { mechanism: 'scram-sha-512', username: 'relay', password: 'secret' },
    addresses: { direct: ['a:1'], proxied: ['b:1'], login: ['c:1'] },
  } as unknown as Testbed;
  const failing: ConformanceCase = {
    ...{ name: 'failing', title: 'it fails' },
    run({ open }) {
      open();
      open({ route: 'proxied' });
      open({ route: 'login' });
      return Promise.reject(new Error('The broker has no disk.'));
    },
  };

  expect(await runCase(testbed, client, failing, 0)).toEqual({ faults: ['The broker has no disk.'] });
  expect(closed).toEqual(['a:1 without a login', 'b:1 without a login', 'c:1 relay']);
});

it('names a call of a client that never ends', async () => {
  jest.useFakeTimers();
  const client: Client = {
    ...{ name: 'fake', isControl: false },
    open: () => ({ publish: () => new Promise(() => undefined), close: () => Promise.resolve() }),
  };
  const waiting: ConformanceCase = {
    ...{ name: 'waiting', title: 'it waits' },
    async run({ open }) {
      await open().publish([]);
      return { faults: [] };
    },
  };
  const testbed = { addresses: { direct: [] } } as unknown as Testbed;
  const result = runCase(testbed, client, waiting, 0);
  await jest.advanceTimersByTimeAsync(60_000);
  jest.useRealTimers();

  expect(await result).toEqual({ faults: ['publish did not end within 27000 ms.'] });
});
