/** Condition of a write to an item that must still be published, or discarded by an operator. */
export const OWED = 'attribute_exists(pk) AND attribute_not_exists(processedAt) AND attribute_not_exists(discarded)';
