import { PassThrough } from 'node:stream';
import { setImmediate as tick } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { listenToKeys, seenEffects, type OperatedConsole } from '../../../../examples/demo/keys';
import type { Action } from '../../../../local/console/actions';
import type { FaultStatus } from '../../../../local/console/fault-trials';

let fault: FaultStatus;
let failure: Error | undefined;
let printed: string[];
let interrupts: number;
let raw: boolean[];
let input: PassThrough;
let end: () => void;

const redrive = {
  ...{ name: 'redrive', label: 'Redrive', needs: [] },
  plan: () =>
    Promise.resolve({
      ...{ lines: ['order#7 would be redriven'], command: 'npx outbox redrive --yes' },
      run: () => Promise.resolve(['order#7: the relay has been asked.']),
    }),
} as unknown as Action;

const shown: OperatedConsole = {
  actions: [redrive],
  status: () => ({ faults: [fault] }) as never,
  setFault(_, on) {
    if (failure !== undefined) return Promise.reject(failure);
    const text = on ? 'Events wait.' : 'Nothing waits.';
    fault = { ...fault, isOn: on, effects: [{ text }] };
    return Promise.resolve();
  },
};

function listen(isTTY: boolean): void {
  input = new PassThrough();
  const terminal = Object.assign(input, { isTTY, setRawMode: (mode: boolean) => raw.push(mode) });
  const print = (text: string): void => void printed.push(stripVTControlCharacters(text));
  end = listenToKeys(terminal as never, shown, { print, interrupt: () => (interrupts += 1) });
}

async function press(keys: string): Promise<void> {
  input.write(keys);
  for (let turn = 0; turn < 10; turn += 1) await tick();
}

beforeEach(() => {
  [printed, interrupts, raw, failure] = [[], 0, [], undefined];
  fault = {
    ...{ name: 'broker', label: 'Broker stopped', shortcut: 'b', isOn: false, lasts: true, wasTried: false },
    effects: [],
  };
  listen(true);
});
afterEach(() => end());

it('begins a fault by its key, names what should be seen, and ends it by the same key', async () => {
  await press('b');
  expect(printed).toEqual(['Broker stopped', '  … Events wait.', 'Press b again to end it.']);
  printed.length = 0;
  await press('b');
  expect(printed).toEqual(['End of: Broker stopped', '  … Nothing waits.']);
  expect(fault.isOn).toBe(false);
});

it('runs an action by its key, with the command that does the same', async () => {
  await press('r');
  expect(printed).toEqual(['npx outbox redrive --yes', '  order#7: the relay has been asked.']);
});

it('shows why a fault could not begin', async () => {
  failure = new Error('no broker responds');
  await press('b');
  expect(printed.at(-1)).toBe('no broker responds');
});

it.each([
  ['q', 'q'],
  ['Ctrl-C', '\u0003'],
])('%s interrupts', async (_, key) => {
  await press(key);
  expect(interrupts).toBe(1);
});

it('ignores other keys', async () => {
  await press('zß');
  expect(printed).toEqual([]);
});

it('gives the terminal back', async () => {
  end();
  await press('b');
  expect(raw).toEqual([true, false]);
  expect(printed).toEqual([]);
});

it('takes no keys without a terminal', async () => {
  end();
  raw.length = 0;
  listen(false);
  await press('b');
  expect({ raw, printed }).toEqual({ raw: [], printed: [] });
});

it('reports each effect once when it was seen', () => {
  const report = seenEffects(shown);
  const lines = () => report().map((line) => stripVTControlCharacters(line));
  expect(lines()).toEqual([]);
  fault = { ...fault, sinceMs: 1, effects: [{ text: 'Events wait.', seenAfterMs: 1_234 }, { text: 'Red.' }] };
  expect(lines()).toEqual(['  ✓ Events wait. (after 1.2 s)']);
  expect(lines()).toEqual([]);
  fault = { ...fault, sinceMs: 2 };
  expect(lines()).toHaveLength(1);
});
