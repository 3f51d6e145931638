import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What comes from outside, by the one purpose that an adapter has for it. */
const PARTIES = {
  aws: ['@aws-sdk/*'],
  kafka: ['kafkajs', 'aws-msk-iam-sasl-signer-js'],
  platformatic: ['@platformatic/*'],
  powertools: ['@aws-lambda-powertools/*'],
  cdk: ['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs'],
  validators: ['zod', 'valibot'],
  opentelemetry: ['@opentelemetry/*'],
};

/** The folders of lib, and the adapters inside them. */
const FOLDERS = [
  'consume',
  'infra',
  'kafka',
  'operate',
  'otel',
  'relay',
  'schema',
  'sweep',
  'testing',
  'topics',
  'write',
];
const ADAPTERS = ['dynamodb', 'kafkajs', 'lambda', 'platformatic'];

/** Next to these adapters, lib/dynamodb is what every side shares. */
const pathsOf = (name) =>
  name === 'dynamodb'
    ? ['./dynamodb/*', ...['consume', 'relay', 'testing'].map((folder) => `**/${folder}/dynamodb/*`)]
    : [`**/${name}/*`];

/** The folders of lib/infra; each may import those before it. */
const INFRA_FOLDERS = ['options', 'template-checks', 'functions', 'cluster', 'monitoring', 'outbox', 'consumer'];

const allBut = (names, allowed = []) => names.filter((name) => !allowed.includes(name));

/**
 * Lets `files` import, next to lib/event, lib/dynamodb and lib/timing and what lies in their own folder, only the
 * `folders` and third `parties` that are named. `except` opens single modules (gitignore patterns that begin with `!`),
 * or closes further ones.
 */
const layer = ({ files, ignores = [], folders = [], parties = [], except = [], why }) => ({
  files,
  ignores,
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          { group: allBut(Object.keys(PARTIES), parties).flatMap((party) => PARTIES[party]), message: why },
          {
            group: [...allBut([...FOLDERS, ...ADAPTERS], folders).flatMap(pathsOf), ...except],
            message: why,
          },
          { group: ['**/lambdas/**', '**/bin/**'], message: 'Composition roots wire; nobody imports them.' },
        ],
      },
    ],
  },
});

const LAYERS = [
  {
    files: ['lib/event/**/*.ts', 'lib/timing/**/*.ts'],
    except: ['**/dynamodb/*'],
    why: 'lib/event and lib/timing are the bottom layers, and pure.',
  },
  { files: ['lib/dynamodb/**/*.ts'], why: 'lib/dynamodb is pure: it may import lib/event and lib/timing only.' },
  {
    files: ['lib/write/**/*.ts'],
    folders: ['write'],
    why: 'lib/write may import lib/event and lib/dynamodb only, and adds no dependency to a service.',
  },
  { files: ['lib/schema/**/*.ts'], folders: ['schema'], why: 'lib/schema may import lib/event only, and is pure.' },
  {
    files: ['lib/kafka/**/*.ts'],
    folders: ['kafka'],
    parties: ['kafka', 'aws'],
    why: 'lib/kafka is how every function logs in at the brokers; it may import lib/event only.',
  },
  {
    files: ['lib/relay/**/*.ts'],
    ignores: ['lib/relay/{dynamodb,kafkajs,platformatic,publishing}/**', 'lib/relay/telemetry-*.ts'],
    folders: ['relay'],
    except: ['!../kafka/broker-config'],
    why: 'The core of the relay is pure: it knows lib/event and its own ports, not the adapters.',
  },
  {
    files: ['lib/relay/dynamodb/**/*.ts'],
    folders: ['relay', 'dynamodb'],
    parties: ['aws'],
    why: 'The stores of the relay know its ports, lib/event and the AWS SDK.',
  },
  {
    files: ['lib/relay/kafkajs/**/*.ts'],
    folders: ['relay', 'kafkajs', 'kafka'],
    parties: ['kafka'],
    except: ['../dynamodb/*'],
    why: 'The publisher of the relay knows its ports, lib/event, lib/kafka and kafkajs.',
  },
  {
    files: ['lib/relay/platformatic/**/*.ts'],
    folders: ['relay', 'platformatic', 'kafka'],
    parties: ['platformatic'],
    except: ['../dynamodb/*'],
    why: 'This publisher of the relay knows its ports, lib/event, lib/kafka and @platformatic/kafka.',
  },
  {
    files: ['lib/relay/publishing/**/*.ts'],
    folders: ['relay', 'kafka'],
    except: ['../dynamodb/*'],
    why: 'The rules of publishing know the ports of the relay, lib/event and lib/kafka, and no client.',
  },
  {
    files: ['lib/{relay,sweep,consume}/telemetry-*.ts'],
    folders: ['relay', 'sweep', 'consume'],
    parties: ['powertools'],
    why: 'Telemetry knows the ports beside it, lib/event and Powertools.',
  },
  {
    files: ['lib/otel/**/*.ts'],
    folders: ['otel'],
    parties: ['opentelemetry'],
    except: ['!**/relay/telemetry-channels', '!**/consume/telemetry-channels', '!**/write/write-channel'],
    why: 'The adapter for OpenTelemetry knows the diagnostics channels and lib/event, and nothing else of ours.',
  },
  {
    files: ['lib/sweep/**/*.ts'],
    ignores: ['lib/sweep/{dynamodb,lambda,telemetry}-*.ts'],
    folders: ['sweep'],
    why: 'The core of the sweeper is pure: it knows lib/event and its own ports.',
  },
  {
    files: ['lib/sweep/{dynamodb,lambda}-*.ts'],
    folders: ['sweep', 'relay', 'dynamodb'],
    parties: ['aws'],
    why: 'The adapters of the sweeper know its ports, lib/event, the AWS SDK and the stores of the relay.',
  },
  {
    files: ['lib/consume/**/*.ts'],
    ignores: ['lib/consume/{dynamodb,kafkajs,lambda}/**', 'lib/consume/telemetry-*.ts', 'lib/consume/consumer.ts'],
    folders: ['consume'],
    except: ['!../kafka/broker-config'],
    why: 'The core of the consumer is pure: it knows lib/event and its own ports, not the adapters.',
  },
  {
    files: ['lib/consume/consumer.ts'],
    folders: ['consume', 'dynamodb'],
    why: 'createConsumer puts the core together with its inbox, and leaves the way to Kafka to others.',
  },
  {
    files: ['lib/consume/dynamodb/**/*.ts'],
    folders: ['consume', 'dynamodb'],
    parties: ['aws'],
    why: 'The inbox knows its ports, lib/event and the AWS SDK.',
  },
  {
    files: ['lib/consume/{kafkajs,lambda}/**/*.ts'],
    folders: ['consume', 'kafkajs', 'kafka'],
    parties: ['kafka'],
    except: ['../dynamodb/*'],
    why: 'What feeds the consumer knows its core, lib/event, lib/kafka and kafkajs.',
  },
  {
    files: ['lib/topics/**/*.ts'],
    ignores: ['lib/topics/kafka-*.ts'],
    folders: ['topics'],
    except: ['!../kafka/broker-config'],
    why: 'What decides about topics is pure.',
  },
  {
    files: ['lib/topics/kafka-*.ts'],
    folders: ['topics', 'kafka'],
    parties: ['kafka'],
    why: 'The adapter of lib/topics knows its ports, lib/event, lib/kafka and kafkajs.',
  },
  {
    files: ['lib/operate/**/*.ts'],
    folders: allBut([...FOLDERS, ...ADAPTERS], ['write', 'infra', 'otel', 'testing']),
    parties: ['aws', 'kafka'],
    why: 'lib/operate may import lib/event, lib/schema, lib/kafka, lib/relay, lib/sweep and lib/consume.',
  },
  {
    files: ['lib/testing/**/*.ts'],
    folders: ['testing', 'write', 'relay', 'consume', 'dynamodb', 'lambda'],
    parties: ['aws'],
    why: 'The test kit knows the writer, and relay and consumer without Kafka; it works in every test runner.',
  },
  ...INFRA_FOLDERS.map((folder, index) => ({
    files: [`lib/infra/${folder}/**/*.ts`],
    folders: ['infra'],
    parties: ['cdk'],
    except: [
      '!**/kafka/broker-config',
      ...['consume', 'relay', 'sweep', 'topics'].map((name) => `!**/${name}/environment`),
      '!**/relay/mapping-settings',
      '!**/topics/request',
      ...INFRA_FOLDERS.slice(index + 1).map((later) => `../${later}/*`),
    ],
    why: 'Constructs talk to no service; they share environments, requests and mapping settings with the functions. Each folder of lib/infra imports only the folders before it in INFRA_FOLDERS.',
  })),
];

export default tseslint.config(
  {
    ignores: [
      'dist',
      'cdk.out',
      'coverage',
      '.outbox',
      'node_modules',
      'test/package/fixture',
      '*.config.js',
      '.dependency-cruiser.cjs',
      'test/longest-first.js',
      'test/one-realm/*.js',
      'test/mutate/*.js',
      '*.config.mjs',
      'scripts/*.{mjs,cjs}',
    ],
  },
  eslint.configs.recommended,
  ...tseslint.configs.strict,
  ...tseslint.configs.stylistic,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      'no-console': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      eqeqeq: 'error',
    },
  },
  ...LAYERS.map(layer),
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
