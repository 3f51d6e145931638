import { replay } from '../../../lib/operate/replay';
import { tablesInMemory } from './table-in-memory';

test('a signal whose answer was lost is asked for, not refused: the SDK puts it again', async () => {
  const { target, items } = tablesInMemory();
  // As the SDK does when the first answer does not arrive.
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
