import { BROKER_FAULTS } from './brokers';
import { DATABASE_CHAOS } from './database';
import type { ChaosFault } from './fault';
import { RELAY_FAULTS } from './relay';
import { OPERATOR_FAULTS, SERVICE_FAULTS } from './services';
import { STREAM_FAULTS } from './stream';

export const FAULTS: readonly ChaosFault[] = [
  ...BROKER_FAULTS,
  ...RELAY_FAULTS,
  ...DATABASE_CHAOS,
  ...STREAM_FAULTS,
  ...SERVICE_FAULTS,
  ...OPERATOR_FAULTS,
];
