import { dynamodbInboxActions } from '../../../../lib/consume/dynamodb/inbox';
import { EMPTY_INBOX, WINDOW_SIZE, withApplied } from '../../../../lib/consume/inbox';
import { itemBytes } from '../../../../lib/dynamodb/item-size';
import { formatSequence } from '../../../../lib/event/position';
import { NOW } from '../../../builders/consume';

const WRITE_UNIT_BYTES = 1_024;
const actions = dynamodbInboxActions({
  tableName: 'shipping-inbox',
  consumer: 'shipping',
  markerRetentionMs: 1_000,
  clock: { now: () => NOW },
});
const key = { source: '/shop/order', topic: 'orders', key: '019b7ce1-0000-7000-8000-000000000001' };

it('the row of a key with UUIDs as ids takes one write unit, whatever its versions', () => {
  let state = EMPTY_INBOX;
  for (let at = 0; at < WINDOW_SIZE; at++) {
    const sequence = formatSequence({ version: 1_000_000 + at, index: 9 });
    state = withApplied(state, { sequence, id: '019b7ce1-0000-7000-8000-000000000001' }, 10);
  }
  const { Put } = actions.row(key, { state, revision: 1_000_000 }, state, {});

  expect(itemBytes(Put?.Item ?? {})).toBeLessThan(WRITE_UNIT_BYTES);
});

it('so does a marker', () => {
  expect(itemBytes(actions.marker(key, '019b7ce1-0000-7000-8000-000000000001').Put?.Item ?? {})).toBeLessThan(
    WRITE_UNIT_BYTES,
  );
});
