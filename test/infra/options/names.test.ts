import { Lazy } from 'aws-cdk-lib';
import { requireAllowed, TABLE_NAME } from '../../../lib/infra/options/option-table';
import { checkOutboxName } from '../../../lib/infra/outbox/outbox-props';

const LATER = Lazy.string({ produce: () => 'known at deployment' });

describe('names', () => {
  test('that AWS allows, or that are known at deployment, pass', () => {
    for (const name of ['Orders-Outbox', LATER]) expect(() => checkOutboxName(name)).not.toThrow();
    for (const name of ['orders.outbox', LATER])
      expect(() => requireAllowed(TABLE_NAME, 'tableName', name)).not.toThrow();
  });

  test('that AWS refuses are refused before', () => {
    expect(() => checkOutboxName('my orders')).toThrow(
      'Option "outboxName" is "my orders"; it must be 1 to 128 letters, digits, ".", "_", "/" or "-", the first a letter or digit. It becomes a metrics dimension',
    );
    expect(() => requireAllowed(TABLE_NAME, 'tableName', 'a/b')).toThrow(
      'Option "tableName" is "a/b"; it must be 3 to 255 letters, digits, "_", "." or "-". That is what DynamoDB allows. Without it, CloudFormation',
    );
  });
});
