/** Real servers take their time to start, stop and recover. */
jest.setTimeout(180_000);

// A user's cluster has messages of earlier runs in its topics, and must not be stopped by a test.
delete process.env['KAFKA_BROKERS'];
delete process.env['DYNAMODB_ENDPOINT'];
