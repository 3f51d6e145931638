import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProgram } from '../../../bin/cli/program';
import { Printed } from '../../builders/printed';

const printed = new Printed();
const folder = mkdtempSync(join(tmpdir(), 'catalogue-'));
/** As a service exports it: a catalogue of any copy of the package. */
const catalogue = join(folder, 'events.cjs');

beforeAll(() => {
  writeFileSync(
    catalogue,
    `const definitions = { 'order.placed': { topic: 'orders' }, 'order.shipped': { topic: 'orders' } };
     exports.events = { definitions, definitionOf: (type) => definitions[type], resolve: () => undefined };`,
  );
});
beforeEach(() => printed.begin());
afterEach(() => printed.end());
afterAll(() => rmSync(folder, { recursive: true }));

const cost = (...args: readonly string[]) => createProgram('1.0.0').parseAsync(['node', 'outbox', 'cost', ...args]);

test('prints the data that fits, and the types just above a border', async () => {
  await cost('--catalogue', catalogue, '--event-bytes', '700', '--size', 'order.shipped=800');
  expect(printed.text).toMatch(/order\.placed +240 +63 +721 \/ 784 +1,745 \/ 1,808 +2,769 \/ 2,832\n/);
  expect(printed.text).toMatch(/order\.shipped +17 bytes +800 → 783 +2 write units of 6 +\$ 1\.25\n/);
  expect(printed.text).toMatch(/order\.shipped +80 bytes +800 → 720 +3 write units of 6 +\$ 1\.88\n/);
  expect(printed.text).not.toMatch(/order\.placed +\d+ bytes?/);
  expect(printed.text).not.toContain('A month');
});

test('next to the estimate of a load', async () => {
  await cost('--events-per-second', '10', '--event-bytes', '700', '--catalogue', catalogue);
  expect(printed.text).toContain('A month');
  expect(printed.text).toContain('Types up to 200 bytes above a KB border\n  none\n');
});

test('with --json both are one document', async () => {
  await cost('--events-per-second', '10', '--event-bytes', '700', '--catalogue', catalogue, '--json');
  expect(JSON.parse(printed.text)).toMatchObject({
    workload: { eventBytes: 700 },
    item: { bytes: 940 },
    borders: [{ type: 'order.placed', sized: { dataBytes: 700, savings: [] } }, { type: 'order.shipped' }],
  });
});

test.each([
  ['neither a load nor a catalogue', [], 'give --events-per-second and --event-bytes, or --catalogue'],
  [
    'a load without a size',
    ['--events-per-second', '1', '--catalogue', catalogue],
    'give --events-per-second and --event-bytes',
  ],
  [
    'a size without a catalogue',
    ['--events-per-second', '1', '--event-bytes', '1', '--size', 'a=1'],
    '--size needs --catalogue',
  ],
  ['a size that is no number', ['--size', 'order.placed=big'], 'It must be a type and bytes'],
])('%s is refused', async (_, args, message) => {
  await expect(cost(...args)).rejects.toThrow(message);
});
