import { decodeSweeperConfig, encodeSweeperConfig, type SweeperConfig } from '../../../lib/sweep/environment';

const config: SweeperConfig = {
  tableName: 'outbox',
  outboxName: 'Orders',
  overdueAfterSeconds: 60,
  readUnitsPerSecond: 100,
  sweepIntervalSeconds: 600,
  fullSweepIntervalSeconds: 7_200,
  mappingId: 'a-mapping',
};

it('is read as it was written', () => {
  expect(decodeSweeperConfig(encodeSweeperConfig(config))).toEqual(config);
});

it('of a function whose code is newer than its environment has the default for what is new', () => {
  const environment = encodeSweeperConfig(config);
  const { OUTBOX_SWEEP_EVERY_SECONDS: _, OUTBOX_FULL_SWEEP_EVERY_SECONDS: __, ...older } = environment;
  const { OUTBOX_MAPPING_ID: ___, ...oldest } = older;
  const defaults = { sweepIntervalSeconds: 3_600, fullSweepIntervalSeconds: 43_200 };
  expect(decodeSweeperConfig(older)).toEqual({ ...config, ...defaults });
  expect(decodeSweeperConfig(oldest)).toEqual({ ...config, ...defaults, mappingId: undefined });
});

it.each([
  ['OUTBOX_TABLE_NAME', ''],
  ['OUTBOX_NAME', undefined],
  ['OUTBOX_SWEEP_AFTER_SECONDS', '0'],
  ['OUTBOX_SWEEP_EVERY_SECONDS', 'hourly'],
  ['OUTBOX_FULL_SWEEP_EVERY_SECONDS', '0'],
  ['OUTBOX_SWEEP_READ_UNITS_PER_SECOND', '1.5'],
])('refuses %s of %p, naming it', (variable, value) => {
  const environment = { ...encodeSweeperConfig(config), [variable]: value };
  expect(() => decodeSweeperConfig(environment)).toThrow(
    expect.objectContaining({ code: 'invalid-environment', details: expect.objectContaining({ variable }) }),
  );
});
