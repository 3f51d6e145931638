import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ResourceNotFoundException,
  type GetEventSourceMappingCommandOutput,
} from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { mappingDescriber } from '../../../lib/sweep/lambda-mapping';

const lambda = mockClient(LambdaClient);
const describeMapping = mappingDescriber(new LambdaClient({ region: 'eu-west-1' }), 'an-id');
beforeEach(() => lambda.reset());

const ENABLED: Partial<GetEventSourceMappingCommandOutput> = {
  ...{ UUID: 'an-id', State: 'Enabled', StateTransitionReason: 'User action' },
  FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] },
  ...{ LastModified: new Date('2021-08-07T14:15:00Z'), LastProcessingResult: 'OK' },
};

const descriptionOf = (mapping: Partial<GetEventSourceMappingCommandOutput>): Promise<string> => {
  lambda.on(GetEventSourceMappingCommand, { UUID: 'an-id' }).resolves(mapping);
  return describeMapping();
};

it.each<[string, Partial<GetEventSourceMappingCommandOutput>]>([
  ['nothing was changed', { $metadata: { requestId: 'another' } }],
  ['Lambda notes that it reads the stream', { LastModified: new Date('2021-08-07T14:16:00Z') }],
  ['an invocation failed', { LastProcessingResult: 'PROBLEM: Function call failed' }],
])('is the same if %s', async (_, change) => {
  expect(await descriptionOf({ ...ENABLED, ...change })).toBe(await descriptionOf(ENABLED));
});

it('is the same whatever the order of the settings', async () => {
  const reversed = Object.fromEntries(Object.entries(ENABLED).toReversed());
  expect(await descriptionOf(reversed)).toBe(await descriptionOf(ENABLED));
});

it.each<[string, Partial<GetEventSourceMappingCommandOutput>]>([
  ['the state', { State: 'Disabled' }],
  ['the filter', { FilterCriteria: { Filters: [{ Pattern: '{}' }] } }],
  ['another setting', { MaximumRecordAgeInSeconds: 60 }],
])('differs after a change of %s', async (_, change) => {
  expect(await descriptionOf({ ...ENABLED, ...change })).not.toBe(await descriptionOf(ENABLED));
});

it('rejects when the mapping is gone, and when Lambda refuses', async () => {
  for (const refusal of [
    new ResourceNotFoundException({ message: 'no', $metadata: {} }),
    new Error('not authorized'),
  ]) {
    lambda.on(GetEventSourceMappingCommand).rejects(refusal);
    await expect(describeMapping()).rejects.toThrow(refusal);
  }
});
