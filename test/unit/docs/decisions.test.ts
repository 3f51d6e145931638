import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, '../../../docs/adr');
const files = readdirSync(FOLDER).filter((file) => file !== 'README.md');
const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');

const HEAD = /^# (\d+)\. (.+)\n\nStatus: ((?:accepted|superseded by \[ADR \d+\]\(\S+\)).*) \((\d{4}-\d\d-\d\d)\)\n\n/;
const LINK = /\[ADR (\d+)\]\((\S+?)\)/g;

/** The head of a page as a row of the index: number, title, status, date. */
function rowOf(file: string): string[] {
  const [, number = '', title = '', status = '', date = ''] = HEAD.exec(read(file)) ?? [];
  return [`[${number}](${file})`, title, status, date];
}

const index = read('README.md')
  .split('\n')
  .filter((line) => /^\| \[\d/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('the index has each decision once, in order, with the title, status and date of its page', () => {
  expect(index).toEqual(files.toSorted().map(rowOf));
});

test.each(files)('%s begins with its number, title and status', (file) => {
  const [, number = ''] = HEAD.exec(read(file)) ?? [];
  expect(number.padStart(4, '0')).toBe(file.slice(0, 4));
});

test.each(
  files.flatMap((file) =>
    [...(rowOf(file)[2] ?? '').matchAll(LINK)].map(([, number = '', target = '']) => [file, number, target] as const),
  ),
)('%s names ADR %s in its status, which exists and refers back to it', (file, number, target) => {
  expect(target.slice(0, 4)).toBe(number.padStart(4, '0'));
  expect(read(target)).toContain(`](${file})`);
});
