import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const THIRD_PARTY = [
  'kafkajs',
  'aws-cdk-lib',
  'aws-cdk-lib/*',
  'constructs',
  '@aws-sdk/*',
  '@aws-lambda-powertools/*',
  'zod',
  'valibot',
];

/** Lets `files` import only what its layer may see: each entry of `banned` is a pattern with the reason it is out of reach. */
const layer = (files, banned, ignores = []) => ({
  files,
  ignores,
  rules: { 'no-restricted-imports': ['error', { patterns: banned.map(([group, message]) => ({ group, message })) }] },
});

const NOBODY_IMPORTS = [
  ['**/lambdas/**', '**/bin/**', '**/testing/**'],
  'Composition roots wire, and the test kit is for tests; nobody imports them.',
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
      '*.config.mjs',
      'scripts/*.{mjs,cjs}',
    ],
  },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      'no-console': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      eqeqeq: 'error',
    },
  },
  layer(
    ['lib/event/**/*.ts'],
    [
      [THIRD_PARTY, 'lib/event is pure: no third parties.'],
      [
        [
          '../write/*',
          '../relay/*',
          '../sweep/*',
          '../infra/*',
          '../operate/*',
          '../consume/*',
          '../kafka/*',
          '../schema/*',
        ],
        'lib/event is the bottom layer.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/write/**/*.ts'],
    [
      [THIRD_PARTY, 'The write helper adds no dependency to a service.'],
      [
        ['../relay/*', '../sweep/*', '../infra/*', '../operate/*', '../consume/*', '../kafka/*', '../schema/*'],
        'lib/write may import lib/event only.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/relay/**/*.ts'],
    [
      [
        THIRD_PARTY,
        'The core of the relay is pure; only kafka-*, dynamodb-* and telemetry-* adapters may use third parties.',
      ],
      [
        ['../write/*', '../sweep/*', '../infra/*', '../operate/*', '../consume/*', '../schema/*'],
        'lib/relay may import lib/event only.',
      ],
      NOBODY_IMPORTS,
    ],
    ['lib/relay/kafka-*.ts', 'lib/relay/dynamodb-*.ts', 'lib/relay/telemetry-*.ts'],
  ),
  layer(
    ['lib/relay/kafka-*.ts', 'lib/relay/dynamodb-*.ts', 'lib/relay/telemetry-*.ts'],
    [
      [['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs'], 'aws-cdk-lib belongs to lib/infra.'],
      [
        ['../write/*', '../sweep/*', '../infra/*', '../operate/*', '../consume/*', '../schema/*'],
        'lib/relay may import lib/event only.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/sweep/**/*.ts'],
    [
      [
        [...THIRD_PARTY, '../relay/*'],
        'The core of the sweeper is pure; only dynamodb-* and telemetry-* adapters may use third parties and the adapters of the relay.',
      ],
      [
        ['../write/*', '../infra/*', '../operate/*', '../consume/*', '../schema/*'],
        'lib/sweep may import lib/event and lib/relay.',
      ],
      NOBODY_IMPORTS,
    ],
    ['lib/sweep/dynamodb-*.ts', 'lib/sweep/telemetry-*.ts'],
  ),
  layer(
    ['lib/sweep/dynamodb-*.ts', 'lib/sweep/telemetry-*.ts'],
    [
      [['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs'], 'aws-cdk-lib belongs to lib/infra.'],
      [
        ['../write/*', '../infra/*', '../operate/*', '../consume/*', '../schema/*'],
        'lib/sweep may import lib/event and lib/relay.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/schema/**/*.ts'],
    [
      [THIRD_PARTY, 'lib/schema is pure: no third parties.'],
      [
        ['../write/*', '../relay/*', '../sweep/*', '../infra/*', '../operate/*', '../consume/*'],
        'lib/schema may import lib/event only.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/kafka/**/*.ts'],
    [
      [
        ['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs', '@aws-sdk/*', '@aws-lambda-powertools/*'],
        'lib/kafka is what all clients of Kafka share.',
      ],
      [
        ['../write/*', '../relay/*', '../sweep/*', '../infra/*', '../operate/*', '../consume/*'],
        'lib/kafka may import lib/event only.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/consume/**/*.ts'],
    [
      [
        [...THIRD_PARTY, '../kafka/*'],
        'The core of the consumer is pure; only kafkajs-*, lambda-*, dynamodb-* and telemetry-* adapters may use third parties.',
      ],
      [
        ['../write/*', '../relay/*', '!../relay/environment', '../sweep/*', '../infra/*', '../operate/*'],
        'lib/consume may import lib/event, and how all functions are told their brokers.',
      ],
      NOBODY_IMPORTS,
    ],
    ['lib/consume/{kafkajs,lambda,dynamodb,telemetry}-*.ts'],
  ),
  layer(
    ['lib/consume/{kafkajs,lambda,dynamodb,telemetry}-*.ts'],
    [
      [['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs'], 'aws-cdk-lib belongs to lib/infra.'],
      [
        [
          '../write/*',
          '../relay/*',
          '!../relay/environment',
          '!../relay/kafka-client',
          '!../relay/kafka-secrets',
          '../sweep/*',
          '../infra/*',
          '../operate/*',
        ],
        'lib/consume may import lib/event, lib/kafka, and how all functions log in at the brokers.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/topics/**/*.ts'],
    [
      [[...THIRD_PARTY, '../relay/kafka-*'], 'The core is pure; only kafka-* adapters may use third parties.'],
      [
        ['../write/*', '../sweep/*', '../infra/*', '../operate/*', '../consume/*'],
        'lib/topics may import lib/event and lib/relay.',
      ],
      NOBODY_IMPORTS,
    ],
    ['lib/topics/kafka-*.ts'],
  ),
  layer(
    ['lib/topics/kafka-*.ts'],
    [
      [['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs'], 'aws-cdk-lib belongs to lib/infra.'],
      [
        ['../write/*', '../sweep/*', '../infra/*', '../operate/*', '../consume/*'],
        'lib/topics may import lib/event and lib/relay.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/operate/**/*.ts'],
    [
      [['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs'], 'aws-cdk-lib belongs to lib/infra.'],
      [
        ['../write/*', '../infra/*'],
        'lib/operate may import lib/event, lib/schema, lib/relay, lib/sweep and lib/consume.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  layer(
    ['lib/testing/**/*.ts'],
    [
      [
        ['kafkajs', 'aws-cdk-lib', 'aws-cdk-lib/*', 'constructs', '@aws-lambda-powertools/*', 'zod', 'valibot'],
        'The test kit needs nothing but the AWS SDK.',
      ],
      [['jest', '@jest/*', 'vitest', 'node:test'], 'The test kit works in every test runner.'],
      [
        ['**/sweep/*', '**/infra/*', '**/operate/*', '**/kafka/*', '**/schema/*', '**/kafka-*', '**/kafkajs-*'],
        'lib/testing may import lib/event, lib/write, and the relay and the consumer without Kafka.',
      ],
      [['**/lambdas/**', '**/bin/**'], 'Composition roots wire; nobody imports them.'],
    ],
  ),
  layer(
    ['lib/infra/**/*.ts'],
    [
      [['kafkajs', '@aws-sdk/*', '@aws-lambda-powertools/*'], 'Constructs talk to no service.'],
      [
        [
          '**/write/*',
          '**/relay/*',
          '**/sweep/*',
          '!**/relay/environment',
          '!**/relay/mapping-settings',
          '!**/sweep/environment',
          '**/topics/*',
          '!**/topics/environment',
          '!**/topics/request',
          '**/operate/*',
          '**/consume/*',
          '!**/consume/environment',
          '**/schema/*',
        ],
        'lib/infra may import lib/event and what it shares with the functions: their environments, requests and mapping settings.',
      ],
      NOBODY_IMPORTS,
    ],
  ),
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Jest types its asymmetric matchers (`expect.objectContaining`, …) as any.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
);
