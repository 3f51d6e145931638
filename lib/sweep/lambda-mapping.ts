import { GetEventSourceMappingCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { PassPolicy } from './full-pass';

const TIMING = { maxAttempts: 3, connectionTimeout: 1_000, requestTimeout: 3_000 };

/** A client for one look an hour. */
export const mappingClient = (): LambdaClient =>
  new LambdaClient({
    maxAttempts: TIMING.maxAttempts,
    requestHandler: {
      connectionTimeout: TIMING.connectionTimeout,
      requestTimeout: TIMING.requestTimeout,
      throwOnRequestTimeout: true,
    },
  });

/**
 * Describes an event source mapping by its id and by when it or its state last changed. A mapping that is gone has a
 * description of its own.
 *
 * https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
 */
export const mappingDescriber =
  (client: Pick<LambdaClient, 'send'>, id: string): PassPolicy['describeMapping'] =>
  async () => {
    try {
      const { LastModified } = await client.send(new GetEventSourceMappingCommand({ UUID: id }));
      return `${id}, ${LastModified?.toISOString() ?? 'without a time'}`;
    } catch (error) {
      if (error instanceof Error && error.name === 'ResourceNotFoundException') return `${id}, gone`;
      throw error;
    }
  };
