import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { ROOT } from '../local/folders';
import { openBrowser } from '../test/local/harness/browser';

/**
 * Frames and first paint of the demo's console at 200 events a second, in a browser without a GPU on the same machine.
 *
 * `node --import tsx bench/console.ts`
 */
const EVENTS_PER_SECOND = 200;
const WARM_UP_MS = 15_000;
const MEASURED_MS = 10_000;
const SIZES = [
  { width: 1600, height: 1000 },
  { width: 400, height: 850 },
];

/** Resolves after the measured time with the times between the frames, in milliseconds. */
const FRAMES = `new Promise((resolve) => {
  const times = [];
  const frame = (now) => {
    times.push(now);
    if (now - times[0] < ${MEASURED_MS}) requestAnimationFrame(frame);
    else resolve(times.slice(1).map((time, index) => time - times[index]));
  };
  requestAnimationFrame(frame);
})`;

async function measure(browser: Browser, url: string, viewport: (typeof SIZES)[number]): Promise<string> {
  const page = await browser.newPage({ viewport });
  await page.goto(url);
  await page.waitForSelector('.grid .chart canvas');
  const paintMs = await page.evaluate<number>(
    `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN`,
  );
  await sleep(WARM_UP_MS);
  const frames = await page.evaluate<number[]>(FRAMES);
  const perSecond = (1_000 * frames.length) / frames.reduce((sum, ms) => sum + ms, 0);
  const late = frames.filter((ms) => ms > 34).length;
  await page.close();
  return `${viewport.width} px: first paint after ${paintMs.toFixed(0)} ms, ${perSecond.toFixed(1)} frames a second, longest ${Math.max(...frames).toFixed(0)} ms, ${late} of more than 34 ms`;
}

async function main(): Promise<void> {
  const demo = spawn(
    process.execPath,
    ['--import', 'tsx', join('examples', 'demo.ts'), '--rate', String(EVENTS_PER_SECOND)],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const browser = await openBrowser();
  try {
    let output = '';
    const url = await new Promise<string>((resolve, reject) => {
      demo.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const [found] = /http:\/\/127\.0\.0\.1:\d+\//.exec(output) ?? [];
        if (found !== undefined) resolve(found);
      });
      demo.once('exit', (code) => reject(new Error(`The demo ended with ${code}.`)));
    });
    const results: string[] = [];
    for (const size of SIZES) results.push(await measure(browser, url, size));
    console.log([...results, output.trimEnd().split('\n').at(-1)].join('\n'));
  } finally {
    await browser.close();
    demo.kill('SIGINT');
    await once(demo, 'exit');
  }
}

void main();
