/** The id of the benchmark's item of a key, so that the stub of DynamoDB knows it. */
export const idOf = (pk: string): string => pk.slice(pk.indexOf('#') + 1);
