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
