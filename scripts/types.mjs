import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** TypeScript 7. `node_modules/.bin/tsc` is not always this one, because TypeScript 6 has a command of the same name. */
const TSC = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript-native/package.json')));

for (const project of ['.', 'local/console/page']) {
  // With one checker: each further one checks again the types that files share.
  const { status } = spawnSync(process.execPath, [TSC, '--noEmit', '--checkers', '1', '--project', project], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
