import { createHash } from 'node:crypto';
import { GetEventSourceMappingCommand, LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda';
import type { PassPolicy } from './full-pass';

/** A client for one look an hour. A call ends after some ten seconds, if nothing responds. */
export const mappingClient = (config: LambdaClientConfig = {}): LambdaClient =>
  new LambdaClient({
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
    ...config,
  });

/**
 * Describes an event source mapping by its id, and by a hash of its settings and its state. `LastModified` does not
 * count: on a stream it changes, to full minutes, although the mapping stays the same. Rejects if the mapping is gone: a
 * mapping that was made by hand instead has an id that the sweeper does not know.
 *
 * https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
 */
export const mappingDescriber =
  (client: Pick<LambdaClient, 'send'>, id: string): PassPolicy['describeMapping'] =>
  async () => {
    const described = await client.send(new GetEventSourceMappingCommand({ UUID: id }));
    const { $metadata: _, LastModified: _at, LastProcessingResult: _result, ...settings } = described;
    const sorted = Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `${id}, ${createHash('sha256').update(JSON.stringify(sorted)).digest('base64url')}`;
  };
