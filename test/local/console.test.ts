import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Updates } from '../../local/console/page/data-port';
import type { VerifyReport } from '../../lib/operate/verify/verify';
import { ROOT } from '../../local/folders';
import { openBrowser } from './harness/browser';
import { postToConsole, withoutServers } from './harness/console-calls';
import { STARTUP_MS, until } from './harness/world';

const SCREENSHOTS = join('.outbox', 'screenshots');
const STORY_MS = 600_000;

let demo: ChildProcess;
let url = '';
let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  [url, browser] = await Promise.all([startDemo(), openBrowser()]);
  page = await openPage();
}, STARTUP_MS * 2);
afterAll(async () => {
  await browser.close();
  demo.kill('SIGINT');
  await once(demo, 'exit');
}, STARTUP_MS);

/** Runs `npm run demo` as a user does. Resolves with the address of the page. */
async function startDemo(): Promise<string> {
  demo = spawn(process.execPath, ['--import', 'tsx', join('examples', 'demo.ts')], {
    cwd: ROOT,
    env: withoutServers(),
  });
  let output = '';
  for (const stream of [demo.stdout, demo.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    demo.stdout?.on('data', () => {
      const [found] = /http:\/\/127\.0\.0\.1:\d+\//.exec(output) ?? [];
      if (found !== undefined) resolve(found);
    });
    demo.once('exit', (code) => reject(new Error(`The demo ended with ${code}:\n${output}`)));
  });
}

/** The latest update of a kind that the page would receive. */
async function latest<Name extends keyof Updates>(name: Name): Promise<Updates[Name]> {
  const response = await fetch(`${url}api/stream`, { signal: AbortSignal.timeout(20_000) });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    const [, data] = new RegExp(`event: ${name}\ndata: (.*)\n`).exec(text) ?? [];
    if (data !== undefined) return JSON.parse(data) as Updates[Name];
  }
  throw new Error(`The stream ended without ${name}.`);
}

/** The command that the console shows for an action. */
async function commandOf(name: string, input: Readonly<Record<string, string>>): Promise<string> {
  const response = await postToConsole(url, `api/actions/${name}/plan`, input);
  return ((await response.json()) as { readonly command: string }).command;
}

/** Software draws the page here, and sixty frames a second take a processor. `npm run bench:console` counts them. */
const FEW_FRAMES = `
  window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 100);
  window.cancelAnimationFrame = (frame) => clearTimeout(frame);
`;

async function openPage(options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
  // Chromium takes this invalid language from the environment of some machines.
  const opened = await browser.newPage({ viewport: { width: 1600, height: 1000 }, locale: 'en-US@posix', ...options });
  opened.on('pageerror', ({ message }) => complaints.push(message));
  opened.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await opened.addInitScript(FEW_FRAMES);
  await opened.goto(url);
  return opened;
}

const button = (name: string) => page.getByRole('button', { name, exact: true });
/** The words that the page shows for an alarm. */
const stateOf = (alarm: string) => page.locator('button.alarm', { hasText: alarm }).textContent();
/** Waits until the page has seen every effect that it expects of the fault that was tried last. */
const allSeen = (what: string) =>
  until(
    what,
    async () => {
      const effects = page.locator('.effects').first();
      return (await effects.locator('.seen').count()) > 0 && (await effects.locator('.awaited').count()) === 0;
    },
    STORY_MS / 2,
  );
const run = (line: string) => spawnSync('sh', ['-c', line], { cwd: ROOT, encoding: 'utf8' });

/** Whether the stories before published events twice, which `verify` reports, and did no harm. */
function hasOnlyDuplicates(json: string): boolean {
  const { counts, missingVersions, gone, unreadTopics } = JSON.parse(json) as VerifyReport;
  return (
    counts.every(({ kind }) => kind === 'duplicate') && missingVersions.length + gone.length + unreadTopics.length === 0
  );
}

const countOf = async (what: string): Promise<number> => {
  const text = await page.locator('.counts li', { hasText: what }).locator('b').innerText();
  return Number(text.replaceAll(',', ''));
};

it(
  'shows every widget of the dashboard, and its charts move',
  async () => {
    await page.waitForSelector('.grid .chart canvas');
    const { widgets } = await latest('dashboard');
    expect(await page.locator('.widget').count()).toBe(widgets.length);
    const published = page.locator('.widget', { hasText: 'Events' }).locator('.legend li', { hasText: 'published' });
    await until('published events in the chart', async () => /\d/.test(await published.innerText()));
    const before = await countOf('applied');
    await until('more effects', async () => (await countOf('applied')) > before + 5);
  },
  STORY_MS,
);

it(
  'plays a poison event: the key is held, the alarm turns red, a redrive publishes it in order, the alarm turns green',
  async () => {
    await button('Poison event').click();
    await until('the held key', async () => (await page.locator('.held-keys a').count()) > 0);
    await until('the red alarm', async () => (await stateOf('item-parked'))?.endsWith('in alarm') === true);
    await allSeen('the effects of a poison event');
    await page.locator('button.alarm', { hasText: 'item-parked' }).click();
    await page.getByRole('dialog').locator('article h1').waitFor();
    await page.keyboard.press('Escape');

    await button('End: Poison event').click();
    await button('Poison event').waitFor();
    await page.locator('.held-keys a').first().click();
    await page.getByRole('cell', { name: 'order.shipped' }).waitFor();
    expect(await page.locator('.state').allInnerTexts()).toEqual(['parked', 'pending', 'pending']);
    await button('Redrive …').click();
    await page.locator('.inspector code', { hasText: 'npx outbox redrive' }).waitFor();
    await page.locator('.inspector').getByRole('button', { name: 'Redrive', exact: true }).click();
    await until('the published events', async () =>
      (await page.locator('.state').allInnerTexts()).every((state) => state === 'processed'),
    );
    const places = (await page.locator('.inspector tbody tr td:nth-child(4)').allInnerTexts()).map((place) =>
      Number(place.split('@')[1]),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    await page.getByRole('link', { name: 'Close' }).click();
    await until('the green alarm', async () => (await stateOf('item-parked'))?.endsWith('OK') === true);
    await allSeen('the recovery');
  },
  STORY_MS,
);

it(
  'plays an unavailable topic: its keys are held and the alarm turns red, the other topic goes on, all are released',
  async () => {
    await button('One topic unavailable').click();
    await button('End: One topic unavailable').waitFor({ timeout: 180_000 });
    await allSeen('the effects of an unavailable topic');
    expect(await stateOf('partition-unavailable')).toMatch(/in alarm$/);
    expect(await page.locator('.held-keys a').count()).toBeGreaterThan(0);
    await button('End: One topic unavailable').click();
    await button('One topic unavailable').waitFor({ timeout: 180_000 });
    await allSeen('the recovery');
    expect(await page.locator('.held-keys a').count()).toBe(0);
  },
  STORY_MS,
);

it(
  'plays an outage: events wait, and all arrive after it',
  async () => {
    await button('Broker stopped').click();
    await until('waiting events', async () => (await countOf('on their way')) > 10);
    await allSeen('the effects of an outage');
    const backlog = await countOf('on their way');
    await button('End: Broker stopped').click();
    await button('Broker stopped').waitFor({ timeout: 180_000 });
    // On a busy machine, as many events as are written in seconds are always on their way.
    await until('the end of the backlog', async () => (await countOf('on their way')) < Math.max(10, backlog / 3));
    await allSeen('the recovery');
  },
  STORY_MS,
);

it(
  'plays an unavailable DynamoDB: services fail, and write again after it',
  async () => {
    await button('DynamoDB unavailable').click();
    await button('End: DynamoDB unavailable').waitFor();
    // Longer than the time limit of the services: each of their requests has been without a response.
    await page.waitForTimeout(8_000);
    const before = await countOf('committed');
    await button('End: DynamoDB unavailable').click();
    await until('further commits', async () => (await countOf('committed')) > before + 20);
    await until('the end of the backlog', async () => (await countOf('on their way')) < 30);
  },
  STORY_MS,
);

it(
  'shows commands that do the same',
  async () => {
    const events = await latest('events');
    const { key } = events.find(({ state, topic }) => state === 'processed' && topic === 'orders') ?? { key: '' };
    for (const name of ['sweep', 'verify', 'redrive', 'replay', 'consumer-redrive', 'consumer-resend']) {
      const command = await commandOf(name, { key, why: 'the test of the console' });
      const line = command.replace('npx outbox', `"${process.execPath}" dist/bin/outbox/index.js`);
      const { status, stdout, stderr } = run(line);
      const isExpected = status === 0 || (name === 'verify' && hasOnlyDuplicates(run(`${line} --json`).stdout));
      // Includes the output, so that a failure shows its reason.
      expect({ command, isExpected, stdout, stderr }).toEqual({ command, isExpected: true, stdout, stderr });
    }
  },
  STORY_MS,
);

it(
  'opens a key by its address',
  async () => {
    const [event] = await latest('events');
    const [aggregate = '', key = ''] = (event?.key ?? '').split('#');
    const other = await openPage();
    await other.goto(`${url}#/keys/${aggregate}/${key}`);
    await other.getByRole('heading', { name: `${aggregate}#${key}` }).waitFor();
    await other.locator('.inspector tbody tr').first().waitFor();
    await other.close();
  },
  STORY_MS,
);

it(
  'refuses a page from elsewhere, and another name of this machine',
  async () => {
    const elsewhere = createServer((_, response) => response.end('<!doctype html><title>elsewhere</title>'));
    elsewhere.listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const foreign = await browser.newPage();
    await foreign.goto(`http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`);
    const { relayPid: before } = await latest('status');
    const status = await foreign.evaluate(
      (url) =>
        fetch(`${url}api/faults/relay`, { method: 'POST', body: '{"on":true}', mode: 'no-cors' }).then(
          () => 'sent',
          () => 'refused',
        ),
      url,
    );
    expect(['sent', 'refused']).toContain(status);
    expect((await latest('status')).relayPid).toBe(before);
    const rebound = await fetch(`${url}api/actions`, { headers: { origin: 'http://evil.example' } });
    expect(rebound.status).toBe(403);
    await foreign.close();
    elsewhere.close();
  },
  STORY_MS,
);

it.each([
  { width: 400, height: 850, colorScheme: 'light' },
  { width: 820, height: 1100, colorScheme: 'dark' },
  { width: 1280, height: 800, colorScheme: 'light' },
  { width: 1600, height: 1000, colorScheme: 'dark' },
] as const)(
  'is accessible, and nothing overlaps, at $width in $colorScheme',
  async ({ width, height, colorScheme }) => {
    const seen = await openPage({ viewport: { width, height }, colorScheme });
    await seen.waitForSelector('.grid .chart canvas');
    await seen.screenshot({ path: join(SCREENSHOTS, `console-${width}-${colorScheme}.png`), fullPage: true });
    await seen.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
    const violations = await seen.evaluate(async () => {
      const { violations: found } = await (
        globalThis as never as { axe: { run(): Promise<{ violations: { id: string; impact: string }[] }> } }
      ).axe.run();
      return found.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id);
    });
    expect(violations).toEqual([]);
    const overflow = await seen.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overflow).toBeLessThanOrEqual(0);
    await seen.close();
  },
  STORY_MS,
);

it('complained of nothing', () => {
  // A stopped broker and a refused foreign page are no faults of the page.
  expect(complaints).toEqual([]);
});
