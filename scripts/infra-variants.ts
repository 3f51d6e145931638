/**
 * CDK context of the app for every setup that its guide describes, by the name of the variant. Tests assert the
 * templates, and `npm run check:infra` checks that they can be deployed.
 */
export const VARIANTS = {
  default: {},
  express: { cluster: 'express', topics: 'orders,payments' },
  standard: { cluster: 'standard', brokers: '6', storageGib: '500' },
  scram: { cluster: 'standard', auth: 'scram' },
  'existing-cluster': { cluster: 'existing' },
  'imported-everything': {
    auth: 'scram',
    clusterArn: 'arn:aws:kafka:eu-west-1:111122223333:cluster/orders/6f1c1a52-7c3e-4a1e-9a53-0b3d2f1b6a77-2',
    secretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:AmazonMSK_orders-AbCdEf',
    secretKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/0f9d1b0e-6a41-4f0e-9c0a-3f1f6a2b7c8d',
    topics: 'orders',
    pageTopicArn: 'arn:aws:sns:eu-west-1:111122223333:outbox-page',
    vpcId: 'vpc-0123456789abcdef0',
    privateSubnetIds: 'subnet-0123456789abcdef0,subnet-0123456789abcdef1',
    securityGroupIds: 'sg-0123456789abcdef0',
    tableArn: 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders-outbox',
    tableStreamArn: 'arn:aws:dynamodb:eu-west-1:111122223333:table/orders-outbox/stream/2026-01-01T00:00:00.000',
    tableKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/5f1b2c3d-6a41-4f0e-9c0a-3f1f6a2b7c8d',
  },
  'two-regions': {
    regions: 'eu-west-1,eu-central-1',
    pageTopicArn: 'arn:aws:sns:eu-west-1:111122223333:outbox-page,arn:aws:sns:eu-central-1:111122223333:outbox-page',
  },
  notified: {
    pageTopicArn: 'arn:aws:sns:eu-west-1:111122223333:outbox-page',
    ticketTopicArn: 'arn:aws:sns:eu-west-1:111122223333:outbox-ticket',
    runbookBaseUrl: 'https://wiki.example.com/outbox/runbooks',
  },
  'example-consumer': { exampleConsumer: 'true' },
  'example-consumer-scram': { cluster: 'standard', auth: 'scram', topics: 'orders,payments', exampleConsumer: 'true' },
  takeover: { regions: 'eu-west-1,eu-central-1', takenOver: 'eu-west-1' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;
