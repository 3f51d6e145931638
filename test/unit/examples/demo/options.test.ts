import { parseOptions } from '../../../../examples/demo/options';

describe('parseOptions', () => {
  it('has a default for everything', () => {
    expect(parseOptions([])).toEqual({
      ...{ isConsole: true, rate: 8, port: 0 },
      ...{ events: 60, writers: 3, keys: 8, json: false, help: false },
    });
  });

  it('takes what is given', () => {
    expect(parseOptions(['--events', '2000', '--writers=4', '--keys', '1', '--json'])).toMatchObject({
      ...{ events: 2000, writers: 4, keys: 1, json: true },
    });
  });

  it.each([['0'], ['-1'], ['1.5'], ['many'], [''], ['1e3'], ['65']])('refuses --writers "%s"', (value) => {
    expect(() => parseOptions([`--writers=${value}`])).toThrow(
      expect.objectContaining({
        code: 'invalid-option',
        message: `Option --writers is "${value}"; it must be a whole number from 1 to 64.`,
      }) as Error,
    );
  });

  it.each([['--event=5'], ['5'], ['--events']])('refuses "%s" and names the options that exist', (argument) => {
    expect(() => parseOptions([argument])).toThrow(
      expect.objectContaining({
        code: 'invalid-option',
        message: expect.stringContaining('--events, --writers, --keys, --json and --help') as unknown,
      }) as Error,
    );
  });
});
