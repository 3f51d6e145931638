/** Actions on the table that the relay needs with any options. Its role is granted them, and `doctor` checks that. */
export const RELAY_ACTIONS = [
  // Not limited to the control partition: a drain reads the items of any key, and signals are stored next to them.
  'dynamodb:Query',
  'dynamodb:GetItem',
  'dynamodb:BatchGetItem',
  'dynamodb:UpdateItem',
  'dynamodb:PutItem',
  'dynamodb:DeleteItem',
  'dynamodb:ConditionCheckItem',
  // A BatchExecuteStatement is authorized by its statements, not as UpdateItem.
  'dynamodb:PartiQLUpdate',
] as const;

/** The sweeper's actions on the table. */
export const SWEEPER_ACTIONS = [
  'dynamodb:Scan',
  // Of the control partition: its holds, its state, and the progress of the previous run.
  'dynamodb:Query',
  'dynamodb:GetItem',
  // The second look at overdue items.
  'dynamodb:BatchGetItem',
  // Deletes and puts a lost signal again.
  'dynamodb:PutItem',
  'dynamodb:DeleteItem',
  // The gap suspicion, and the note on a signal that the relay cannot act on.
  'dynamodb:UpdateItem',
  // Finds the current stream of the table.
  'dynamodb:DescribeTable',
] as const;
