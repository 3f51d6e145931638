import type { Judgement } from './checker';

/** Prints counts, duplicates by their cause, and the first violations with the lines that show them. */
export function printJudgement({ violations, duplicates, ...counts }: Judgement, shown: number): void {
  const byKind = Map.groupBy(violations, ({ kind }) => kind);
  console.log(
    Object.entries({ ...counts, violations: violations.length })
      .map(([name, n]) => `${n.toLocaleString('en-US')} ${name}`)
      .join(', '),
  );
  if (byKind.size > 0) console.log([...byKind].map(([kind, each]) => `${each.length} ${kind}`).join(', '));
  const copies = Object.entries(duplicates).map(([fault, n]) => `${n} after ${fault}`);
  console.log(`duplicates: ${copies.length === 0 ? 'none' : copies.join(', ')}`);
  for (const { kind, of, why, shownBy } of violations.slice(0, shown)) {
    console.log(`\n${kind}: ${of}: ${why}`);
    for (const line of shownBy) console.log(`  ${JSON.stringify(line)}`);
  }
}
