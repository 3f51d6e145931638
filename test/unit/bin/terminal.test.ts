import { Writable } from 'node:stream';
import { allowClosed, Terminal } from '../../../bin/cli/terminal';

function written(): { readonly stream: NodeJS.WriteStream; text(): string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

test('what is in keys and messages neither moves the cursor nor makes two lines of one', () => {
  const [out, err] = [written(), written()];
  const terminal = new Terminal({ json: false, out: out.stream, err: err.stream });
  terminal.result({}, () => [
    'order#a\nNo key is held.',
    'order#\u001b[2J\u001b]0;title\u0007',
    'order#\u009b2J',
    '\u001b[8mhidden',
    'a\tb',
  ]);
  terminal.note('why\r');
  expect(out.text()).toBe(
    'order#a\\nNo key is held.\norder#\\u001b[2J\\u001b]0;title\\u0007\norder#\\u009b2J\n\\u001b[8mhidden\na\tb\n',
  );
  expect(err.text()).toBe('why\\r\n');
});

test('colours stay', () => {
  const out = written();
  new Terminal({ json: false, out: out.stream }).result({}, () => ['\u001b[32mfine\u001b[39m']);
  expect(out.text()).toBe('\u001b[32mfine\u001b[39m\n');
});

test('a reader that has gone, as head does, is no error; what else happens to a stream is', () => {
  const { stream } = written();
  allowClosed(stream);
  expect(() => stream.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))).not.toThrow();
  expect(() => stream.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }))).toThrow('full');
});

test('a list of any length is one JSON object with the other fields, written element by element', async () => {
  for (const elements of [[], [{ n: 1 }], [{ n: 1 }, { n: 2 }]]) {
    const out = written();
    const list = new Terminal({ json: true, out: out.stream }).jsonList('findings');
    for (const element of elements) await list.add(element);
    await list.end({ tableName: 'orders', findings: undefined });
    expect(out.text()).toMatch(/}\n$/);
    expect(JSON.parse(out.text())).toEqual({ findings: elements, tableName: 'orders' });
  }
});

test('a list waits for a reader that is slow, and not for one that has gone', async () => {
  let read: (() => void) | undefined;
  const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => (read = done) });
  const list = new Terminal({ json: true, out: slow as unknown as NodeJS.WriteStream }).jsonList('findings');
  let isAdded = false;
  const added = list.add({ n: 1 }).then(() => (isAdded = true));
  await new Promise(setImmediate);
  expect(isAdded).toBe(false);
  read?.();
  await added;

  const closing = list.add({ n: 2 });
  slow.destroy();
  await closing;
});
