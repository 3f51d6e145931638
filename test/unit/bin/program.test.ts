import { explain } from '../../../bin/cli/failure';
import { createProgram } from '../../../bin/cli/program';

const helpOf = (command: string): string =>
  createProgram('1.0.0')
    .commands.find((each) => each.name() === command)
    ?.helpInformation() ?? '';

test('a redrive without a key is refused before an outbox is looked for', async () => {
  // No service answers in this region: a command that sends a request would fail with the SDK's error.
  const region = ['--region', 'nowhere-1', '--stack', 'Shop'];
  await expect(
    createProgram('1.0.0').parseAsync(['node', 'outbox', 'redrive', '--why', 'x', ...region]),
  ).rejects.toThrow('redrive: name keys, or give --all, or --reason CODE: one of them.');
});

test('durations that are left out are shown as they are given', () => {
  expect(helpOf('cost')).toMatch(/--retention <duration> .*\(default: 1d\)/s);
  expect(helpOf('cost')).toMatch(/--sweep-interval <duration> .*\(default: 1h\)/s);
});

test.each([new Error('Region is missing'), Object.assign(new Error('none'), { name: 'CredentialsProviderError' })])(
  'advice names nothing that the package does not bring: %s',
  (error) => {
    expect(explain(error)).toContain('or run it where a local stack runs.');
    expect(explain(error)).not.toContain('npm run');
  },
);

test('a price is named by the list alone, and not by a property of every object', async () => {
  const cost = ['cost', '--events-per-second', '1', '--event-bytes', '1', '--price', 'toString=1'];
  const program = createProgram('1.0.0');
  program.commands.forEach((command) => command.configureOutput({ writeErr: () => undefined }));
  await expect(program.parseAsync(cost, { from: 'user' })).rejects.toMatchObject({ code: 'commander.invalidArgument' });
});

test.each([
  ['--table', ['status', '--table', '--json']],
  ['--why', ['skip', 'order#42', '--at', '3', '--why', '--yes']],
  ['--key', ['verify', '--key', '--since', '2h']],
  ['--inbox', ['consumer', 'lag', 'order#42', '--inbox', '--consumer', 'shipping']],
])('an option whose value was forgotten is refused: %s', async (_, given) => {
  const program = createProgram('1.0.0').configureOutput({ writeErr: () => undefined });
  const silence = (command: typeof program): void =>
    command.commands.forEach((each) => silence(each.configureOutput({ writeErr: () => undefined })));
  silence(program);
  await expect(program.parseAsync(given, { from: 'user' })).rejects.toMatchObject({
    code: 'commander.optionMissingArgument',
    message: expect.stringMatching(/argument missing: the next word, --\w+, is an option$/),
  });
});
