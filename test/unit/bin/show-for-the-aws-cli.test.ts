import { Writable } from 'node:stream';
import { createProgram } from '../../../bin/cli/program';
import { openSession } from '../../../bin/cli/session';
import { Terminal } from '../../../bin/cli/terminal';
import { tablesInMemory } from '../operate/table-in-memory';

jest.mock('../../../bin/cli/session', () => ({
  ...jest.requireActual<object>('../../../bin/cli/session'),
  openSession: jest.fn(),
}));

async function shown(pk: string): Promise<string> {
  const { target, put } = tablesInMemory();
  const parked = { reason: 'unknown-topic', message: 'm', attempts: 1, since: 1 };
  await put({ pk, sk: '0000000000000007', id: 'e1', parked });
  let text = '';
  const out = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const terminal = new Terminal({ json: false, out: out as unknown as NodeJS.WriteStream });
  const by = () => Promise.resolve('me');
  jest.mocked(openSession).mockResolvedValue({ terminal, target, place: 'here', by });
  await createProgram('0').parseAsync(['show', pk], { from: 'user' });
  return text;
}

test.each([
  ['order#42', `'{"pk":{"S":"order#42"},"sk":{"S":"0000000000000007"}}'`],
  [`order#it's`, `'{"pk":{"S":"order#it'\\''s"},"sk":{"S":"0000000000000007"}}'`],
])('show prints the primary key of a parked item of %s as a shell and the AWS CLI take it', async (pk, key) => {
  expect(await shown(pk)).toContain(`  for the AWS CLI: --key ${key}, id e1\n`);
});
