import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { testedVersions } from '../../builders/support-page';
import { blocksOf, commandsOf } from '../docs/documented-commands';

const FOLDER = join(__dirname, '../../../.github/workflows');

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly needs?: string;
  readonly uses?: string;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly steps?: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const read = (name: string): Workflow => parse(readFileSync(join(FOLDER, name), 'utf8')) as Workflow;
const verify = read('verify.yml');
const release = read('release.yml');

const commandsIn = ({ steps = [] }: Job): string[] => steps.flatMap(({ run }) => run ?? []);
const actions = readdirSync(FOLDER).flatMap((name) =>
  Object.values(read(name).jobs).flatMap(({ steps = [] }) => steps.flatMap(({ uses }) => uses ?? [])),
);

test('the workflow verifies with the command of the README, and no other', () => {
  const documented = blocksOf('README.md')
    .flatMap(commandsOf)
    .filter((command) => command.endsWith('npm run verify'));
  expect(documented).toHaveLength(1);
  expect(commandsIn(verify.jobs['verify'] ?? {})).toEqual(documented);
});

test('CONTRIBUTING.md documents each command that tests another Node.js', () => {
  const page = readFileSync(join(__dirname, '../../../CONTRIBUTING.md'), 'utf8');
  const commands = commandsIn(verify.jobs['supported-node'] ?? {});
  expect(commands).toHaveLength(3);
  expect(commands.filter((command) => !page.includes(`\`${command}\``))).toEqual([]);
});

test('the workflow tests each Node.js of SUPPORT.md', () => {
  expect(verify.jobs['supported-node']?.strategy?.matrix['node']).toEqual(testedVersions('Node.js'));
});

test('only the job that publishes gets a token of OpenID Connect, and no job may write anything else', () => {
  for (const { permissions } of [verify, release]) expect(permissions).toEqual({ contents: 'read' });
  const further = [verify, release].flatMap(({ jobs }) =>
    Object.entries(jobs).flatMap(([name, { permissions }]) => (permissions === undefined ? [] : [[name, permissions]])),
  );
  expect(further).toEqual([['publish', { contents: 'read', 'id-token': 'write' }]]);
});

test('a published release is verified before it is published with provenance', () => {
  expect(release.on).toEqual({ release: { types: ['published'] } });
  expect(release.jobs['verify']?.uses).toBe('./.github/workflows/verify.yml');
  expect(verify.on).toHaveProperty('workflow_call');
  expect(release.jobs['publish']?.needs).toBe('verify');
  expect(commandsIn(release.jobs['publish'] ?? {}).at(-1)).toMatch(/^npm publish --provenance --access public /);
});

test('each action is pinned by a commit, one commit for all its uses', () => {
  expect(actions.length).toBeGreaterThan(0);
  expect(actions.filter((action) => !/^actions\/[a-z-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
  expect(new Set(actions).size).toBe(new Set(actions.map((action) => action.split('@')[0])).size);
});

test('no job runs without a time limit', () => {
  const jobs = [verify, release].flatMap((workflow) => Object.values(workflow.jobs));
  expect(jobs.filter((job) => job.uses === undefined && job['timeout-minutes'] === undefined)).toEqual([]);
});
