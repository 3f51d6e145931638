import type { Message } from '../../../../lib/event/message';
import { unencodablePart } from '../../../../lib/relay/publishing/session';

const message = (overrides: Partial<Record<keyof Message, unknown>> = {}): Message =>
  ({ topic: 'a', key: Buffer.from('k'), value: Buffer.from('v'), headers: { h: '1' }, ...overrides }) as Message;

it.each([
  ['nothing of a proper message', message(), undefined],
  ['nothing of a message without a value', message({ value: null }), undefined],
  ['a key that is text', message({ key: 'k' }), 'key'],
  ['a missing value', message({ value: undefined }), 'value'],
  ['a header that is no text', message({ headers: { good: '1', bad: 2 } }), 'header "bad"'],
])('finds %s unencodable', (_, candidate, part) => {
  expect(unencodablePart(candidate)).toBe(part);
});
