import { GetEventSourceMappingCommand, LambdaClient, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { mappingDescriber } from '../../../lib/sweep/lambda-mapping';

const lambda = mockClient(LambdaClient);
const describeMapping = mappingDescriber(new LambdaClient({ region: 'eu-west-1' }), 'an-id');
beforeEach(() => lambda.reset());

const modifiedAt = (LastModified?: Date) =>
  lambda.on(GetEventSourceMappingCommand, { UUID: 'an-id' }).resolves({ UUID: 'an-id', LastModified });

it('is the same until the mapping or its state changes', async () => {
  modifiedAt(new Date(0));
  const before = await describeMapping();
  expect(await describeMapping()).toBe(before);
  modifiedAt(new Date(1_000));
  expect(await describeMapping()).not.toBe(before);
});

it('describes a mapping that is gone, and one without a time', async () => {
  lambda.on(GetEventSourceMappingCommand).rejects(new ResourceNotFoundException({ message: 'no', $metadata: {} }));
  expect(await describeMapping()).toBe('an-id, gone');
  modifiedAt();
  expect(await describeMapping()).toBe('an-id, without a time');
});

it('rejects when Lambda refuses', async () => {
  lambda.on(GetEventSourceMappingCommand).rejects(new Error('not authorized'));
  await expect(describeMapping()).rejects.toThrow('not authorized');
});
