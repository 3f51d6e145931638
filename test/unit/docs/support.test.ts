import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultKafkaVersion } from '../../../local/kafka/distribution-folder';
import { rowOf, testedVersions } from '../../builders/support-page';

const ROOT = join(__dirname, '../../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const { engines, devDependencies } = JSON.parse(read('package.json')) as {
  readonly engines: { readonly node: string };
  readonly devDependencies: Readonly<Record<string, string>>;
};

const supported = (row: string): string => rowOf(row).supported;

const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.');

test('SUPPORT.md, the README and the guide to upgrades name the Node.js of package.json', () => {
  const oldest = engines.node.replace('>=', '');
  expect(supported('Node.js')).toBe(`≥ ${oldest}`);
  expect(read('README.md')).toContain(`it needs Node.js ≥ ${oldest}`);
  expect(read('docs/upgrading.md')).toContain(`needs Node.js ${oldest} or later`);
});

test('tests run on the oldest supported Node.js and on the one that npm ci installs', () => {
  const tested = testedVersions('Node.js');
  expect(tested[0]).toBe(engines.node.replace('>=', ''));
  expect(tested).toContain(devDependencies['node']?.split('.')[0]);
});

test('the functions run on the Lambda runtime of SUPPORT.md, and are bundled for it', () => {
  const [, major = ''] = /runtime: Runtime\.NODEJS_(\d+)_X/.exec(read('lib/infra/functions/outbox-function.ts')) ?? [];
  expect(testedVersions('AWS Lambda')).toEqual([`nodejs${major}.x`]);
  expect(read('scripts/bundle.mjs')).toContain(`target: 'node${major}'`);
});

test('the oldest and the newest supported Kafka are tested', () => {
  const tested = testedVersions('Apache Kafka');
  const [oldest = ''] = tested;
  expect(tested).toContain(defaultKafkaVersion());
  expect(supported('Apache Kafka')).toBe(`${minorOf(oldest)} to ${minorOf(tested.at(-1) ?? '')}`);
  expect(read('compose.yaml')).toContain(`image: apache/kafka:${defaultKafkaVersion()}`);
  expect(read('docs/local.md')).toContain(`Apache Kafka ${defaultKafkaVersion()}. \`KAFKA_VERSION=${oldest}`);
});

test('each cluster that the constructs make has a Kafka within the supported versions', () => {
  const versions = [...read('lib/infra/cluster/outbox-cluster-props.ts').matchAll(/kafkaVersion: anyValue\('(.*)'\)/g)];
  const defaults = versions.map(([, version = '']) => version);
  const page = read('SUPPORT.md');
  const [from = 0, to = 0] = (supported('Apache Kafka').match(/[\d.]+/g) ?? []).map(Number);

  expect(defaults).toHaveLength(2);
  expect(defaults.filter((version) => !page.includes(`\`${version}\``))).toEqual([]);
  for (const version of defaults) {
    expect(Number(minorOf(version))).toBeGreaterThanOrEqual(from);
    expect(Number(minorOf(version))).toBeLessThanOrEqual(to);
  }
});

test('each TypeScript of SUPPORT.md is installed for the checks', () => {
  const installed = Object.entries(devDependencies)
    .filter(([name]) => /^typescript(?:-native|-[\d.]+)?$/.test(name))
    .map(([, version]) => minorOf(version.replace('npm:typescript@', '')));
  expect(testedVersions('TypeScript')).toEqual(installed.toSorted());
  expect(supported('TypeScript')).toBe(`≥ ${installed.toSorted()[0]}`);
});

test('AWS CDK and kafkajs are those of the peer dependencies', () => {
  const { peerDependencies: peers } = JSON.parse(read('package.json')) as {
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  const least = (name: string): string => (peers[name] ?? '').replace('^', '').replace(/(\d\.\d+)\.0$/, '$1');
  expect(supported('AWS CDK')).toBe(
    `\`aws-cdk-lib\` ≥ ${least('aws-cdk-lib')}, \`constructs\` ≥ ${least('constructs')}`,
  );
  expect(supported('AWS SDK')).toBe(`version 3, ≥ ${least('@aws-sdk/client-dynamodb')}`);
  expect(supported('kafkajs')).toBe(`≥ ${least('kafkajs')}`);
});
