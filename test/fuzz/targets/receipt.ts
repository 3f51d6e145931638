import { formatReceipt, parseReceipt, parseReceipts } from '../../../lib/event/receipt';
import { textNear } from '../mutate';
import { expectSame, type Target } from '../target';

const RECEIPTS = ['orders-3@1024', 'a-b-1@0', 'orders.v2-0@9223372036854775807', '-1@1'];

export const receipt: Target = {
  name: 'receipt',
  input: (random) => textNear(random, textNear(random, random.pick(RECEIPTS) ?? '')),
  run(input) {
    const text = String(input);
    const read = parseReceipt(text);
    expectSame(
      'The list that ends at the first text that is no receipt',
      parseReceipts([text, 'x', text]).length,
      read ? 1 : 0,
    );
    if (read === undefined) return 'refused';
    expectSame('The receipt that is written again', parseReceipt(formatReceipt(read)), read);
    return 'accepted';
  },
};
