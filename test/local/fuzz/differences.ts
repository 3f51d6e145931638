import type { Divergence } from './compare';

/** A known difference between DynamoDB Local and DynamoDB. The tables in memory follow the documentation. */
export interface Difference {
  readonly what: string;
  /** The evidence for DynamoDB's behaviour. */
  readonly source: string;
  readonly applies: (divergence: Divergence) => boolean;
}

const refusedBecause =
  (text: string) =>
  ({ memory }: Divergence): boolean =>
    memory.message?.includes(text) === true;
const isTransaction = ({ request }: Divergence): boolean => request.operation === 'TransactWriteItems';
const errors = ({ memory, local }: Divergence): string => `${memory.error ?? 'accepted'} ${local.error ?? 'accepted'}`;

/** In all of these the memory refuses: it accepts nothing that DynamoDB Local refuses. */
export const DIFFERENCES: readonly Difference[] = [
  {
    what: 'An update that cannot be done cancels a transaction; Local refuses the request.',
    source: 'API reference, TransactWriteItems, TransactionCanceledException: the messages of ValidationError.',
    applies: (divergence) =>
      isTransaction(divergence) && errors(divergence) === 'TransactionCanceledException ValidationException',
  },
  {
    what: 'A cancelled transaction has a reason for each action; Local gives one reason for an update of a key.',
    source: 'API reference, TransactionCanceledException: the order of the reasons is that of the actions.',
    applies: (divergence) =>
      isTransaction(divergence) &&
      errors(divergence) === 'TransactionCanceledException TransactionCanceledException' &&
      (divergence.local.reasons?.length ?? 0) < (divergence.memory.reasons?.length ?? 0),
  },
  {
    what: 'Two actions on one item are refused first; Local does one action after the other, and later ones see it.',
    source: 'API reference, TransactWriteItems: no two actions can target the same item.',
    applies: (divergence) => isTransaction(divergence) && refusedBecause('multiple operations on one item')(divergence),
  },
  {
    what: 'A path into a key attribute is refused; Local accepts it in a ConditionCheck, and looks at a condition first.',
    source: 'Local itself refuses it in every other expression: "Key attributes must be scalars".',
    applies: refusedBecause('Key attributes must be scalars'),
  },
  {
    what: 'A key that is read twice in a batch is refused however its number is written; Local compares the texts.',
    source:
      'Developer guide, Data types, Number: leading and trailing zeroes are trimmed. Local refuses it in BatchWriteItem.',
    applies: (divergence) =>
      divergence.request.operation === 'BatchGetItem' && refusedBecause('contains duplicates')(divergence),
  },
  {
    what: 'SIZE is a reserved word; Local takes it for a name.',
    source: 'Developer guide, Reserved words in DynamoDB.',
    applies: refusedBecause('reserved keyword: size'),
  },
  {
    what: 'A read with a wrong key in a transaction is refused or cancelled with reasons; Local cancels without reasons.',
    source: 'API reference, TransactGetItems, TransactionCanceledException: the list of cancellation reasons.',
    applies: ({ request, memory, local }) =>
      request.operation === 'TransactGetItems' && memory.error !== undefined && local.error !== undefined,
  },
];
