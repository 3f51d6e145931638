import { InvalidArgumentError, type Command } from 'commander';
import { itemSizes, type ItemSizesReport, type TypeSizes } from '../../../lib/operate/item-sizes';
import { columns, count, number } from '../format';
import { EXIT_CODES, runInSession } from '../run-in-session';
import type { Session } from '../session';

interface SizesOptions {
  readonly items: number;
  readonly within: number;
}

export function addSizes(program: Command): void {
  program
    .command('sizes')
    .description('measure some items of the table by type: bytes, write units, and what would save units (reads items)')
    .option('--items <n>', 'items to read', parseWhole, 1_000)
    .option('--within <bytes>', 'count the items that lie this many bytes above a KB border', parseWhole, 100)
    .action((options: SizesOptions, command: Command) => runInSession(command, (session) => run(session, options)));
}

async function run({ terminal, target }: Session, { items, within }: SizesOptions): Promise<number> {
  const report = await itemSizes(target, {
    ...{ items, withinBytes: within },
    onProgress: (read) => terminal.progress(`${count(read, 'item')} read`),
  });
  terminal.result(report, () => lines(report, within));
  return EXIT_CODES.done;
}

function lines({ items, notMeasured, isComplete, types }: ItemSizesReport, within: number): string[] {
  const left = notMeasured === 0 ? '' : `, ${number(notMeasured)} of them not measured: they break the format`;
  return [
    `${count(items, 'item')} read, ${isComplete ? 'all that the table has' : 'the first ones that a scan finds'}${left}`,
    ...(types.length === 0 ? [] : table(types, within)),
  ];
}

function table(types: readonly TypeSizes[], within: number): string[] {
  return [
    '',
    ...columns([
      ['TYPE', 'ITEMS', 'EVENTS', 'P50', 'P90', 'LARGEST', 'UNITS', `LESS ${number(within)} BYTES`, 'COMPRESSED'],
      ...types.map((each) => [
        each.ceTypes.join(', '),
        ...[each.items, each.events, each.markedBytes.p50, each.markedBytes.p90, each.markedBytes.max].map(number),
        perItem(each.writeUnits, each),
        saved(each.writeUnitsBelowBorder, each),
        saved(each.writeUnitsCompressed, each),
      ]),
    ]),
    '',
    'Bytes are those of an item with its marks. UNITS are the write units of an item on average, commit and mark.',
    `LESS ${number(within)} BYTES: if the items just above a KB border were below it. COMPRESSED: with compressDataAbove: 0.`,
  ];
}

const perItem = (units: number, { items }: TypeSizes): string => (units / items).toFixed(1);

function saved(units: number, type: TypeSizes): string {
  const percent = Math.round((1 - units / type.writeUnits) * 100);
  return percent === 0 ? perItem(units, type) : `${perItem(units, type)} (-${percent} %)`;
}

function parseWhole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
