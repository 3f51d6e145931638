/** Real servers start, stop and recover in their own time. */
jest.setTimeout(180_000);

// A cluster of the user's holds what earlier runs left in its topics, and must not be stopped for a test.
delete process.env['KAFKA_BROKERS'];
delete process.env['DYNAMODB_ENDPOINT'];
