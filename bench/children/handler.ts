// Measures a bundled Lambda handler.
import { createRequire } from 'node:module';
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { measureOnRequest } from './measure';

interface Bundle {
  readonly handler: (
    event: DynamoDBStreamEvent,
    context: { readonly getRemainingTimeInMillis: () => number },
  ) => Promise<DynamoDBBatchResponse>;
}

const { BENCH_BUNDLE: path = '' } = process.env;
const { handler } = createRequire(path)(path) as Bundle;

const context = { getRemainingTimeInMillis: () => 90_000 };

measureOnRequest((event) => async () => {
  const { batchItemFailures } = await handler(event, context);
  if (batchItemFailures.length > 0) throw new Error(`The relay failed from ${batchItemFailures[0]?.itemIdentifier}.`);
});
