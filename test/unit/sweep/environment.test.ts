import { decodeSweeperConfig, encodeSweeperConfig, type SweeperConfig } from '../../../lib/sweep/environment';

const config: SweeperConfig = {
  tableName: 'outbox',
  outboxName: 'Orders',
  overdueAfterSeconds: 60,
  readUnitsPerSecond: 100,
  sweepIntervalSeconds: 600,
};

it('is read as it was written', () => {
  expect(decodeSweeperConfig(encodeSweeperConfig(config))).toEqual(config);
});

it('of a function whose code is newer than its environment has the default for what is new', () => {
  const { OUTBOX_SWEEP_EVERY_SECONDS: _, ...older } = encodeSweeperConfig(config);
  expect(decodeSweeperConfig(older)).toEqual({ ...config, sweepIntervalSeconds: 3_600 });
});

it.each([
  ['OUTBOX_TABLE_NAME', ''],
  ['OUTBOX_NAME', undefined],
  ['OUTBOX_SWEEP_AFTER_SECONDS', '0'],
  ['OUTBOX_SWEEP_EVERY_SECONDS', 'hourly'],
  ['OUTBOX_SWEEP_READ_UNITS_PER_SECOND', '1.5'],
])('refuses %s of %p, naming it', (variable, value) => {
  const environment = { ...encodeSweeperConfig(config), [variable]: value };
  expect(() => decodeSweeperConfig(environment)).toThrow(
    expect.objectContaining({ code: 'invalid-environment', details: expect.objectContaining({ variable }) }),
  );
});
