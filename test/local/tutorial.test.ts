import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { ROOT } from '../../local/folders';
import type { StackDescription } from '../../local/stack-file';
import { blocksOf, commandsOf, needsAws } from '../unit/docs/documented-commands';
import { providePackages } from '../builders/provided-packages';
import { postToConsole, withoutServers } from './harness/console-calls';
import { STARTUP_MS, until } from './harness/world';

const TUTORIAL_MS = 900_000;
const COMMAND_MS = 180_000;
const STOP_MS = 120_000;

/** The reader's home folder. */
const home = mkdtempSync(join(tmpdir(), 'outbox-tutorial-'));
const shop = join(home, 'shop');
const running = new Map<string, ChildProcess>();
/** The output of the last run of each command. */
const outputs = new Map<string, string>();
let cwd = ROOT;

afterAll(async () => {
  for (const command of [...running.keys()].toReversed()) await interrupt(command);
  rmSync(home, { recursive: true, force: true });
}, STARTUP_MS);

/** The commands that go on until they are interrupted, and the text that they print when they are ready. */
const LASTING: readonly (readonly [start: string, ready: RegExp])[] = [
  ['npm run local', /The local stack is ready/],
  ['npx tsx shipping.ts', /Shipping runs/],
];

const environment = (): NodeJS.ProcessEnv => ({
  ...withoutServers(),
  HOME: home,
  // The package was built before the tests.
  npm_config_ignore_scripts: 'true',
  npm_config_update_notifier: 'false',
});

async function interrupt(command: string): Promise<void> {
  const child = running.get(command);
  running.delete(command);
  if (child?.pid === undefined || child.exitCode !== null) return;
  const exited = once(child, 'exit');
  const { pid } = child;
  const limit = setTimeout(() => process.kill(-pid, 'SIGKILL'), STOP_MS);
  // The group: npm and npx run the program in a shell.
  process.kill(-pid, 'SIGINT');
  await exited;
  clearTimeout(limit);
}

async function start(command: string, ready: RegExp): Promise<void> {
  await interrupt(command);
  const child = spawn('sh', ['-c', command], { cwd, env: environment(), detached: true });
  running.set(command, child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => outputs.set(command, (output += chunk.toString())));
  }
  await until(`"${command}"`, () => {
    if (child.exitCode !== null) throw new Error(`"${command}" ended with ${child.exitCode}:\n${output}`);
    return ready.test(output);
  });
}

/** Installs the package; what it needs is the same as in this repository. */
function install(command: string): void {
  const [tarball] = readdirSync(shop).filter((name) => name.endsWith('.tgz'));
  const packages = command.split(' ').slice(2);
  if (packages.includes(`./${tarball}`)) {
    execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], {
      cwd,
      env: environment(),
    });
  }
  mkdirSync(join(shop, 'node_modules', '.bin'), { recursive: true });
  const provided = packages.filter((each) => !each.startsWith('-') && !each.startsWith('./'));
  providePackages(shop, ...provided);
  for (const name of provided) {
    const link = join(shop, 'node_modules', name);
    const { bin = {} } = JSON.parse(readFileSync(join(link, 'package.json'), 'utf8')) as { bin?: object | string };
    const programs = typeof bin === 'string' ? { [name]: bin } : (bin as Record<string, string>);
    for (const [program, file] of Object.entries(programs)) {
      const to = join(shop, 'node_modules', '.bin', program);
      if (!existsSync(to)) symlinkSync(join(link, file), to);
    }
  }
}

async function run(command: string): Promise<void> {
  if (command === 'npm ci') return;
  if (command === 'cd ~/shop') {
    cwd = shop;
    return;
  }
  const lasting = LASTING.find(([beginning]) => command.startsWith(beginning));
  if (lasting !== undefined) return start(command, lasting[1]);
  if (command.startsWith('npm install')) {
    install(command);
    return;
  }
  // Not in a synchronous call: meanwhile the output of the lasting commands must be read.
  const child = spawn('sh', ['-c', `${command} 2>&1`], { cwd, env: environment(), detached: true });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  // The group: npx runs the program in a shell, which would keep the pipe open.
  const limit = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), COMMAND_MS);
  const [status] = (await once(child, 'close')) as [number | null];
  clearTimeout(limit);
  outputs.set(command, stdout);
  // Includes the output, so that a failure shows its reason.
  expect({ command, status, stdout }).toEqual({ command, status: 0, stdout });
}

const stack = (): StackDescription =>
  JSON.parse(readFileSync(join(shop, '.outbox', 'stack.json'), 'utf8')) as StackDescription;

async function shipmentOf(id: string): Promise<unknown> {
  const { region, credentials, dynamodbEndpoint: endpoint } = stack();
  const client = new DynamoDBClient({ region, credentials, endpoint });
  try {
    const document = DynamoDBDocument.from(client);
    return (await document.get({ TableName: 'shipments', Key: { id }, ConsistentRead: true })).Item;
  } finally {
    client.destroy();
  }
}

/** Presses a button in "Break something" of the console. */
async function setFault(name: string, on: boolean): Promise<void> {
  const [url = ''] = /http:\/\/127\.0\.0\.1:\d+\/(?=\n)/.exec([...outputs.values()].join('\n')) ?? [];
  const response = await postToConsole(url, `api/faults/${name}`, { on });
  expect(response.status).toBe(200);
}

/** What a reader does or sees after a command. */
const AFTER: Readonly<Record<string, () => Promise<void>>> = {
  'npx tsx shipping.ts': async () => {
    await until('the shipment of order 42', async () => (await shipmentOf('42')) !== undefined);
  },
  'npx tsx place-order.ts 44 7': async () => {
    await until('the shipment of order 44', async () => (await shipmentOf('44')) !== undefined);
    await until('the parked event', async () => {
      await run('npx outbox consumer parked --inbox shipping-inbox');
      return outputs.get('npx outbox consumer parked --inbox shipping-inbox')?.includes('order#43') === true;
    });
  },
  'npx outbox consumer parked --inbox shipping-inbox': async () => {
    expect(outputs.get('npx outbox consumer parked --inbox shipping-inbox')).toContain('An order costs nothing.');
    await setFault('broker', true);
  },
  'npx outbox status': async () => {
    expect(outputs.get('npx outbox status')).toMatch(/pending +1 /);
    expect(await shipmentOf('45')).toBeUndefined();
    await setFault('broker', false);
    await until('the shipment of order 45', async () => (await shipmentOf('45')) !== undefined);
    expect(await shipmentOf('43')).toBeUndefined();
  },
};

it(
  'each step of the tutorial does what it says',
  async () => {
    for (const block of blocksOf('docs/tutorial.md').filter((each) => !needsAws(each))) {
      const [, name] = /^\/\/ (\S+\.ts)\n/.exec(block.text) ?? [];
      if (name !== undefined) writeFileSync(join(shop, name), block.text);
      else {
        for (const command of commandsOf(block)) {
          await run(command);
          await AFTER[command]?.();
        }
      }
    }
    expect(await shipmentOf('43')).toEqual({ id: '43', total: 0 });
    expect([...outputs.keys()]).toEqual(expect.arrayContaining(Object.keys(AFTER)));
    expect(outputs.get('npx outbox verify --since 1h')).toContain(
      'Nothing is missing, duplicated, reordered or misplaced.',
    );
  },
  TUTORIAL_MS,
);
