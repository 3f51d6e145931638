import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');
const read = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));

test('dist/lib contains only files that an entry of the package reaches', () => {
  const { exports } = read('package.json') as {
    readonly exports: Readonly<Record<string, string | { types: string }>>;
  };
  const entries = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [] : target.types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1.ts'),
  );
  // With these options, tsc compiles the entries and the files that they import, and no other.
  expect(read('tsconfig.build.json')).toMatchObject({ files: entries, include: [] });
});
