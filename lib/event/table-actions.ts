/** What the relay does with the table, whatever its options: its role is granted it, and `doctor` looks whether it is. */
export const RELAY_ACTIONS = [
  // Not limited to the control partition: a drain reads the items of any key, and signals lie beside them.
  'dynamodb:Query',
  'dynamodb:GetItem',
  'dynamodb:BatchGetItem',
  'dynamodb:UpdateItem',
  'dynamodb:PutItem',
  'dynamodb:DeleteItem',
  'dynamodb:ConditionCheckItem',
  // A BatchExecuteStatement is authorised by its statements, not as UpdateItem.
  'dynamodb:PartiQLUpdate',
] as const;

/** The same of the sweeper. */
export const SWEEPER_ACTIONS = [
  'dynamodb:Scan',
  // Of the control partition: its holds, its state, and how far the run before got.
  'dynamodb:Query',
  'dynamodb:GetItem',
  // The second look at what seems overdue.
  'dynamodb:BatchGetItem',
  // A signal that was lost is deleted and put again.
  'dynamodb:PutItem',
  'dynamodb:DeleteItem',
  // The doubt, and a note on a signal that nobody can act on.
  'dynamodb:UpdateItem',
  // Which stream the table has now.
  'dynamodb:DescribeTable',
] as const;
