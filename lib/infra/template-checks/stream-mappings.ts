/** An event source mapping that reads the outbox's stream. */
export interface StreamMapping {
  /** Path of the construct. */
  readonly path: string;
  readonly isOfRelay: boolean;
  readonly parallelizationFactor?: number;
  /** JSON of each filter. */
  readonly filters: readonly string[];
}

/** Functions that may read a shard concurrently; on a global table DynamoDB itself is the second reader. */
const READERS = { single: 2, global: 1 } as const;

/** Problems of the mappings that read the stream; empty if there are none. */
export function mappingProblems(mappings: readonly StreamMapping[], hasReplicas: boolean): string[] {
  const problems = mappings.filter(({ isOfRelay }) => isOfRelay).flatMap(relayProblems);
  const readers = hasReplicas ? READERS.global : READERS.single;
  if (mappings.length > readers) {
    problems.push(
      `${mappings.length} event source mappings read the stream of the outbox (${mappings.map(({ path }) => path).join(', ')}). DynamoDB supports ${readers} for each shard of ${hasReplicas ? 'a global' : 'a'} table, and throttles more of them, the relay too. Let one function pass the records on.`,
    );
  }
  return problems;
}

function relayProblems({ path, parallelizationFactor = 1, filters }: StreamMapping): string[] {
  const problems: string[] = [];
  if (parallelizationFactor !== 1) {
    problems.push(
      `The mapping ${path} has a parallelization factor of ${parallelizationFactor}. Above 1 Lambda keeps the order of each item only, and the items of a key are several: their order breaks. Set it to 1; one relay for each shard is always enough, because shards grow with the table.`,
    );
  }
  if (filters.length === 0 || !filters.every(isOfInserts)) {
    problems.push(
      `The mapping ${path} lets more than inserts through. The relay's own marks would invoke it again and again. Keep "eventName": ["INSERT"] in each of its filters.`,
    );
  }
  return problems;
}

function isOfInserts(filter: string): boolean {
  const { eventName } = JSON.parse(filter) as { readonly eventName?: readonly unknown[] };
  return eventName?.length === 1 && eventName[0] === 'INSERT';
}
