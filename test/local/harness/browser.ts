import { chromium as playwright, type Browser } from 'playwright-core';

/**
 * A browser without a window: the one that an npm package brings for Linux, elsewhere the machine's Chrome. So that the
 * tests need no further installation on a bare machine.
 */
export async function openBrowser(): Promise<Browser> {
  if (process.platform !== 'linux') return playwright.launch({ channel: 'chrome' });
  const { default: chromium } = await import('@sparticuz/chromium');
  // Not the package's own flags: they switch off the separation of sites, which the tests need.
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    args: ['--no-sandbox', '--disable-gpu'],
  });
}
