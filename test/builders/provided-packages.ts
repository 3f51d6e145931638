import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

const INSTALLED = join(__dirname, '../../node_modules');

/** Makes packages of this repository available to a project in another folder, as if installed. */
export function providePackages(project: string, ...names: string[]): void {
  for (const name of names) {
    const link = join(project, 'node_modules', name);
    if (existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(INSTALLED, name), link, 'dir');
  }
}
