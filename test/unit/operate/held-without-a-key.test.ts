import { encodeHold, type Hold } from '../../../lib/event/control';
import { planRedrive, redrive } from '../../../lib/operate/redrive';
import { show } from '../../../lib/operate/show';
import { tablesInMemory } from './table-in-memory';

// An item under a partition key that is no aggregate key is parked as undecodable, and holds that partition key.
const hold: Hold = {
  pk: '42',
  position: 'hello',
  revision: '1',
  state: 'holding',
  reason: 'undecodable-item',
  message: '"pk" must be "<aggregate>#<key>"',
  attempts: 1,
  since: 1,
};

test('what holds a partition key that is no key is shown, and skipped by its name alone', async () => {
  const { target, put, items } = tablesInMemory();
  await put(encodeHold(hold, undefined), { pk: '42', sk: 'hello' });
  expect(await show(target, '42')).toMatchObject({
    hold: { reason: 'undecodable-item' },
    items: [{ position: 'hello' }],
  });
  const plan = await planRedrive(target, { keys: ['42'] });
  expect(plan.targets).toMatchObject([{ pk: '42', from: 'hello' }]);
  const { asked } = await redrive(target, plan, { by: 'me', at: 1, why: 'a test' }, { skip: true });
  expect(asked).toMatchObject([{ signal: { kind: 'skip', pk: '42', position: 'hello' } }]);
  expect(items()).toHaveLength(3);
});

test.each(['42', 'order#', '#42', ''])('%p, which is no key and not held, is refused', async (key) => {
  const { target } = tablesInMemory();
  await expect(show(target, key)).rejects.toMatchObject({ code: 'operation-refused' });
  await expect(planRedrive(target, { keys: [key] })).rejects.toMatchObject({ code: 'operation-refused' });
});

test('after its skip it is still shown: who, when and why', async () => {
  const { target, put } = tablesInMemory();
  const discarded = { by: 'me', at: 1, why: 'written by hand' };
  await put({ pk: '42', sk: 'hello', discarded, expiresAt: 9_999_999_999 });
  expect((await show(target, '42')).items).toMatchObject([{ position: 'hello', state: 'discarded', discarded }]);
});
