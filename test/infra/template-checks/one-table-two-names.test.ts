import { App, CfnParameter, Stack } from 'aws-cdk-lib';
import { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Outbox, type OutboxProps } from '../../../lib/cdk';
import { outboxProps } from '../stack';

/** Two relays on one table publish every event twice. Two tables with one name make the deployment fail. */

const env = { account: '111122223333', region: 'eu-west-1' };
const STREAM = 'arn:aws:dynamodb:eu-west-1:111122223333:table/outbox/stream/2026-01-01T00:00:00.000';
const REFUSED = /"the table of 2 outboxes/;

function two(props: (stack: Stack) => Partial<OutboxProps>): () => unknown {
  const app = new App();
  for (const id of ['A', 'B']) {
    const stack = new Stack(app, id, { env });
    new Outbox(stack, 'O', outboxProps({ monitoring: false, ...props(stack) }));
  }
  return () => app.synth();
}

test('imports by parameters, with one literal stream, are one table', () => {
  const table = (stack: Stack) =>
    TableV2.fromTableAttributes(stack, 'T', {
      tableName: new CfnParameter(stack, 'Name').valueAsString,
      tableStreamArn: STREAM,
    });
  expect(two((stack) => ({ table: table(stack) }))).toThrow(REFUSED);
});

test('new tables of one literal name, in two stacks of one region, are refused', () => {
  expect(two(() => ({ tableName: 'outbox' }))).toThrow(REFUSED);
});

test('generated names are two tables', () => {
  expect(two(() => ({}))).not.toThrow();
});
