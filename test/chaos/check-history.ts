import { parseArgs } from 'node:util';
import { messageOf } from '../../lib/event/errors';
import { judgeHistory } from './checker';
import { readHistory } from './history';
import { printJudgement } from './print-judgement';

const USAGE = `npm run check-history -- FILE [--show 5] [--json]
  FILE: JSON lines as docs/histories.md describes; --show: violations to print with the lines that show them`;

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
    else printJudgement(judgement, Number(values.show));
    return judgement.violations.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
}

void main().then((code) => (process.exitCode = code));
