import { positionOfVersion } from '../../../lib/event/position';
import { planReplay, replay, replayMissing } from '../../../lib/operate/replay';
import { tablesInMemory } from './table-in-memory';

test('a signal whose answer was lost is asked for, not refused: the SDK puts it again', async () => {
  const { target, items } = tablesInMemory();
  // The SDK does the same when the first response does not arrive.
  target.client.middlewareStack.add(
    (next) => async (args) => {
      await next(args);
      return next(args);
    },
    { step: 'finalizeRequest', name: 'answerLost', priority: 'low' },
  );
  const report = await replay(target, { keys: ['order#1'] }, { by: 'me', at: 1, why: 'a test' });
  expect(report).toMatchObject({ asked: ['order#1'], failed: [] });
  expect(items()).toHaveLength(1);
});

const request = { by: 'me', at: 1, why: 'payments was deleted' };

test('missing events are asked for alone, with one signal for each run of versions of a topic', async () => {
  const { target, items } = tablesInMemory();
  const event = (pk: string, version: number, topic = 'payments') => ({
    pk,
    position: positionOfVersion(version),
    topic,
  });
  const missing = [event('order#1', 3), event('order#1', 2), event('order#1', 2), event('order#1', 7)];
  const report = await replayMissing(target, [...missing, event('order#1', 3, 'audit'), event('order#2', 1)], request);
  expect(report.asked.toSorted()).toEqual(['order#1', 'order#2']);
  const asked = items().map((item) => ['pk', 'from', 'to', 'ofTopic'].map((name) => item[name]?.S));
  expect(asked).toHaveLength(4);
  expect(asked).toEqual(
    expect.arrayContaining([
      ['order#1', positionOfVersion(2), positionOfVersion(3), 'payments'],
      ['order#1', positionOfVersion(7), positionOfVersion(7), 'payments'],
      ['order#1', positionOfVersion(3), positionOfVersion(3), 'audit'],
      ['order#2', positionOfVersion(1), positionOfVersion(1), 'payments'],
    ]),
  );
  expect(new Set(items().map(({ replayId }) => replayId?.S))).toEqual(new Set([report.replayId]));
});

test('positions that are no versions have nothing in between that could be told: each is asked for by itself', async () => {
  const { target, items } = tablesInMemory();
  const positions = ['019b0a0a-3600-7a1b-8c2d-3e4f5a6b7c8d', '019b0a0a-3600-7a1b-8c2d-3e4f5a6b7c8e'];
  await replayMissing(
    target,
    positions.map((position) => ({ pk: 'order#1', position, topic: 'payments' })),
    request,
  );
  expect(items().map(({ from, to }) => [from?.S, to?.S])).toEqual(positions.map((position) => [position, position]));
});

test('a replay of one topic asks the keys alone that have receipts of it', async () => {
  const { target, put } = tablesInMemory();
  const item = (n: number, receipts: readonly string[]) => ({
    ...{ pk: `order#${n}`, sk: positionOfVersion(1), committedAt: 5, processedAt: 6, receipts },
  });
  await put(item(1, ['payments-0@1']), item(2, ['orders-0@1']), item(3, ['orders-0@2', 'payments-1@0']));
  const plan = await planReplay(target, { sinceMs: 1, ofTopic: 'payments' });
  expect(plan.keys.toSorted()).toEqual(['order#1', 'order#3']);
  await expect(planReplay(target, { sinceMs: 1, ofTopic: 'no topic' })).rejects.toThrow('no name of a Kafka topic');
});
