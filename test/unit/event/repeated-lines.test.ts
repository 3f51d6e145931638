import { causeFields, causeKey, RepeatedLines } from '../../../lib/event/repeated-lines';

function aLog() {
  let now = 0;
  const lines = new RepeatedLines(() => now);
  const logged: { at: number; leftOut: number }[] = [];
  return {
    logged,
    fail(cause: string): void {
      const line = lines.admit(cause);
      if (line !== undefined) logged.push({ at: now, leftOut: line.leftOut });
    },
    pass: (ms: number) => (now += ms),
  };
}

test('fifteen tries a second of one cause are ten lines in half an hour, and each failure is counted', () => {
  const log = aLog();
  for (let second = 0; second < 1_800; second++) {
    for (let tries = 0; tries < 15; tries++) log.fail('orders.shipping.dlt');
    log.pass(1_000);
  }
  expect(log.logged.map(({ at }) => at / 1_000)).toEqual([0, 10, 30, 70, 150, 310, 610, 910, 1_210, 1_510]);
  const { length } = log.logged;
  const counted = log.logged.reduce((sum, { leftOut }) => sum + leftOut, length);
  // Repetitions since the last line are not counted yet.
  expect(counted).toBe(15 * 1_510 + 1);
});

test('another cause is logged at once', () => {
  const log = aLog();
  log.fail('a');
  log.fail('b');
  log.fail('a');
  expect(log.logged).toHaveLength(2);
});

test('a cause that was quiet for more than ten minutes is news again', () => {
  const log = aLog();
  log.fail('a');
  log.pass(1_000);
  log.fail('a');
  log.pass(600_001);
  log.fail('a');
  expect(log.logged).toEqual([
    { at: 0, leftOut: 0 },
    { at: 601_001, leftOut: 0 },
  ]);
});

test('causes without end do not fill the memory: the oldest is forgotten', () => {
  const lines = new RepeatedLines(() => 0);
  for (let n = 0; n < 1_001; n++) expect(lines.admit(`cause ${n}`)?.isFirst).toBe(true);
  expect(lines.admit('cause 1000')).toBeUndefined();
  expect(lines.admit('cause 0')?.isFirst).toBe(true);
});

test('the stack is logged with the first line of a cause alone', () => {
  const error = new TypeError('no broker');
  expect(causeFields(error)).toEqual({ cause: { name: 'TypeError', message: 'no broker', stack: error.stack } });
  expect(causeFields(error, { isFirst: false, leftOut: 7 })).toEqual({
    cause: { name: 'TypeError', message: 'no broker' },
    leftOut: 7,
  });
  expect(causeFields('text')).toEqual({ cause: 'text' });
  expect([causeKey(error), causeKey('text')]).toEqual(['TypeError: no broker', 'text']);
});
