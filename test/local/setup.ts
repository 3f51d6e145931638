import { PORT_RANGE } from '../../local/free-port';

/** Real servers take their time to start, stop and recover, and a busy machine three times as long. */
jest.setTimeout(600_000);

// A user's cluster has messages of earlier runs in its topics, and must not be stopped by a test.
delete process.env['KAFKA_BROKERS'];
delete process.env['DYNAMODB_ENDPOINT'];

/** Jest numbers its processes from 1. */
const worker = Number(process.env['JEST_WORKER_ID'] ?? 1);
const PORTS_PER_WORKER = 2_500;
const first = 20_000 + ((worker - 1) % 4) * PORTS_PER_WORKER;
process.env[PORT_RANGE] = `${first}-${first + PORTS_PER_WORKER}`;
