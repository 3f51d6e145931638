import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TSC } from './typescript.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

for (const project of ['.', 'local/console/page']) {
  // With one checker: each further one checks again the types that files share.
  const { status } = spawnSync(process.execPath, [TSC, '--noEmit', '--checkers', '1', '--project', project], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
