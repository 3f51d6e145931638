import { parseArgs } from 'node:util';
import { messageOf } from '../../lib/event/errors';
import { judgeHistory, type Judgement } from './checker';
import { readHistory } from './history';

const USAGE = `npm run check-history -- FILE [--show 5] [--json]
  FILE: JSON lines as docs/histories.md describes; --show: violations to print with the lines that show them`;

function print({ violations, duplicates, ...counts }: Judgement, shown: number): void {
  console.log(
    Object.entries({ ...counts, violations: violations.length })
      .map(([name, n]) => `${n} ${name}`)
      .join(', '),
  );
  const copies = Object.entries(duplicates).map(([fault, n]) => `${n} after ${fault}`);
  console.log(`duplicates: ${copies.length === 0 ? 'none' : copies.join(', ')}`);
  for (const { kind, of, why, shownBy } of violations.slice(0, shown)) {
    console.log(`\n${kind}: ${of}: ${why}`);
    for (const line of shownBy) console.log(`  ${JSON.stringify(line)}`);
  }
}

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { show: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
    });
    const [path, ...others] = positionals;
    if (path === undefined || others.length > 0) throw new Error('Name one file.');
    const judgement = judgeHistory(await readHistory(path));
    if (values.json) console.log(JSON.stringify(judgement));
    else print(judgement, Number(values.show));
    return judgement.violations.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
}

void main().then((code) => (process.exitCode = code));
