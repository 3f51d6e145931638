import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTableInput } from '../../../local/table';
import { readTemplate } from '../../../local/template';

const FUNCTION = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: { 'Fn::Sub': 'assets' }, S3Key: 'abc123.zip' },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Timeout: 60,
    MemorySize: 1024,
    Environment: {
      Variables: {
        TABLE: { Ref: 'Table' },
        REGION: { Ref: 'AWS::Region' },
        BROKERS: { Ref: 'Brokers' },
        NAME: { 'Fn::Join': ['-', ['a', { Ref: 'AWS::Region' }]] },
      },
    },
  },
};
const MAPPING = {
  Type: 'AWS::Lambda::EventSourceMapping',
  Properties: {
    FunctionName: { Ref: 'Relay' },
    BatchSize: 1000,
    BisectBatchOnFunctionError: true,
    FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] },
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    MaximumRetryAttempts: -1,
    StartingPosition: 'TRIM_HORIZON',
  },
};
const TABLE = {
  Type: 'AWS::DynamoDB::GlobalTable',
  Properties: {
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
    Replicas: [{ Region: { Ref: 'AWS::Region' }, DeletionProtectionEnabled: true }],
    StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
  },
};
const SCHEDULE = {
  Type: 'AWS::Events::Rule',
  Properties: { ScheduleExpression: 'rate(2 hours)', Targets: [{ Arn: { 'Fn::GetAtt': ['Sweeper', 'Arn'] } }] },
};
const PROBE = {
  Type: 'AWS::Events::Rule',
  Properties: {
    ScheduleExpression: 'rate(1 minute)',
    Targets: [{ Arn: { 'Fn::GetAtt': ['Sweeper', 'Arn'] }, Input: '{"task":"probe-partitions"}' }],
  },
};
const RESOURCES: Record<string, unknown> = {
  Table: TABLE,
  Relay: FUNCTION,
  Mapping: MAPPING,
  Sweeper: FUNCTION,
  Schedule: SCHEDULE,
  Probe: PROBE,
};

describe('readTemplate', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'template-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const read = (resources = RESOURCES): ReturnType<typeof readTemplate> => {
    const path = join(folder, 'Stack.template.json');
    writeFileSync(path, JSON.stringify({ Resources: resources, Parameters: { Brokers: { Default: 'b:9092' } } }));
    writeFileSync(
      join(folder, 'Stack.assets.json'),
      JSON.stringify({ files: { abc123: { source: { path: 'asset.abc123' } } } }),
    );
    return readTemplate(path);
  };
  const withProperties = (id: 'Relay' | 'Mapping', properties: object): Record<string, unknown> => {
    const resource = RESOURCES[id] as typeof FUNCTION | typeof MAPPING;
    return { ...RESOURCES, [id]: { ...resource, Properties: { ...resource.Properties, ...properties } } };
  };

  it("takes the mapping's settings as they stand", () => {
    expect(read().mapping).toEqual({
      batchSize: 1000,
      maximumBatchingWindowSeconds: 0,
      bisectBatchOnFunctionError: true,
      maximumRetryAttempts: -1,
      maximumRecordAgeSeconds: -1,
      reportBatchItemFailures: true,
      startingPosition: 'TRIM_HORIZON',
      filters: [{ eventName: [{ kind: 'exact', value: 'INSERT' }] }],
    });
  });

  it("takes Lambda's defaults for what the template leaves out", () => {
    const bare = {
      ...RESOURCES,
      Mapping: { ...MAPPING, Properties: { FunctionName: { Ref: 'Relay' }, StartingPosition: 'LATEST' } },
    };
    expect(read(bare).mapping).toMatchObject({
      batchSize: 100,
      bisectBatchOnFunctionError: false,
      reportBatchItemFailures: false,
      filters: [],
    });
    expect(read(withProperties('Relay', { Timeout: undefined, MemorySize: undefined })).relay).toMatchObject({
      timeoutSeconds: 3,
      memoryMb: 128,
    });
  });

  it('finds the code by the asset manifest', () => {
    expect(read().relay).toMatchObject({
      handler: 'index.handler',
      timeoutSeconds: 60,
      memoryMb: 1024,
      codeFolder: join(folder, 'asset.abc123'),
    });
  });

  it('puts the local table, region and parameters in the place of references', () => {
    expect(read().relay.environment('local-table', 'eu-west-1')).toEqual({
      TABLE: 'local-table',
      REGION: 'eu-west-1',
      BROKERS: 'b:9092',
      NAME: 'a-eu-west-1',
    });
  });

  it('describes the table in the words of CreateTable', () => {
    expect(createTableInput(read().table, 'local-table')).toEqual({
      TableName: 'local-table',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    });
  });

  it.each([
    ['two tables', { ...RESOURCES, Other: TABLE }, '2 resources of type AWS::DynamoDB::GlobalTable'],
    [
      'a mapping without a function',
      withProperties('Mapping', { FunctionName: 'arn:elsewhere' }),
      'does not name a function',
    ],
    ['a runtime that is not Node.js', withProperties('Relay', { Runtime: 'python3.13' }), 'Runtime of Node.js'],
    [
      'more than one batch per shard',
      withProperties('Mapping', { ParallelizationFactor: 2 }),
      'ParallelizationFactor 2',
    ],
    [
      'an unlisted asset',
      withProperties('Relay', { Code: { S3Key: 'other.zip' } }),
      'does not list the asset other.zip',
    ],
  ])('refuses %s', (_, resources, message) => {
    expect(() => read(resources)).toThrow(expect.objectContaining({ code: 'unsupported-template' }));
    expect(() => read(resources)).toThrow(message);
  });

  it('refuses a variable that has no value without an account', () => {
    const { environment } = read(
      withProperties('Relay', { Environment: { Variables: { X: { 'Fn::GetAtt': ['Y', 'Arn'] } } } }),
    ).relay;
    expect(() => environment('local-table', 'eu-west-1')).toThrow('Relay, variable X');
  });
});
