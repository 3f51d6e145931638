import type { ConformanceCase } from './case';
import { bytes, tooLarge, unauthorized, unknownTopic } from './cases/batches';
import { belowMinIsr, killed, leaders, paused, steady } from './cases/brokers';
import { expiringCredentials, halfOpen, halfOpenLogin, slow } from './cases/connections';

export const CASES: readonly ConformanceCase[] = [
  ...[bytes, tooLarge, unknownTopic, unauthorized, steady, slow, halfOpen, halfOpenLogin, expiringCredentials],
  ...[leaders, killed, belowMinIsr, paused],
];
