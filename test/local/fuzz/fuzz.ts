import { inspect } from 'node:util';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { Counts, createTables, divergenceOf, type Divergence } from './compare';
import { requests as aCase, type FuzzRequest } from './requests';

export interface FuzzResult {
  readonly summary: string;
  readonly counts: Counts;
  /** The shortest requests with different results in memory and in DynamoDB Local. */
  readonly shortest?: string;
}

/** Compares at least `requests` random requests, the same ones for the same seed. It ends at the first divergence. */
export async function fuzz(local: DynamoDBClient, seed: number, requests: number): Promise<FuzzResult> {
  await createTables(local);
  const counts = new Counts();
  let found: { readonly requests: readonly FuzzRequest[]; readonly divergence: Divergence } | undefined;
  const property = fc.asyncProperty(aCase, async (each) => {
    if (found === undefined && counts.requests >= requests) return true;
    const divergence = await divergenceOf(each, local, found === undefined ? counts : new Counts());
    if (divergence !== undefined) found = { requests: each, divergence };
    return divergence === undefined;
  });
  await fc.check(property, { seed, numRuns: requests, endOnFailure: false });
  const { accepted, refused, notSimulated, known } = counts;
  const lines = [
    `seed ${seed}: ${counts.requests} requests, ${accepted} accepted and ${refused} refused by DynamoDB Local, ${notSimulated} not simulated`,
    ...[...known].map(([what, count]) => `${count} times: ${what}`),
  ];
  if (found === undefined) return { summary: [...lines, 'No divergence.'].join('\n'), counts };
  return { summary: lines.join('\n'), counts, shortest: described(found.requests, found.divergence) };
}

function described(requests: readonly FuzzRequest[], { request, memory, local }: Divergence): string {
  const shown = (value: unknown): string => inspect(value, { depth: null, breakLength: 120 });
  return [
    'Divergence. These requests, on empty tables:',
    ...requests.map(shown),
    `are answered differently at ${shown(request)}`,
    `in memory: ${shown(memory)}`,
    `by DynamoDB Local: ${shown(local)}`,
  ].join('\n');
}
