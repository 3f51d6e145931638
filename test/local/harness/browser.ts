import { execFileSync } from 'node:child_process';
import { chromium as playwright, type Browser } from 'playwright-core';

/**
 * A browser without a window: the one that an npm package brings for Linux, elsewhere the machine's Chrome. So that the
 * tests need no further installation on a bare machine.
 */
export async function openBrowser(): Promise<Browser> {
  if (process.platform !== 'linux') return playwright.launch({ channel: 'chrome' });
  // In a process of its own: the package is an ES module, which Jest cannot import.
  const script =
    "import('@sparticuz/chromium').then(async ({ default: { executablePath } }) => console.log(await executablePath()))";
  const executablePath = execFileSync(process.execPath, ['--eval', script], { encoding: 'utf8' }).trim();
  // Not the package's own flags: they switch off the separation of sites, which the tests need.
  return playwright.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu'],
  });
}
