const swc = (syntax) => ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax } } }];
const TYPESCRIPT = { '^.+\\.ts$': swc('typescript') };

/** Unit, simulation, infra and package tests need nothing but node_modules; local tests start Apache Kafka and DynamoDB Local. */
const project = (name, extra = {}) => ({
  displayName: name,
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform: TYPESCRIPT,
  // The example imports the package by its name, as a service does.
  moduleNameMapper: { '^dynamodb-outbox$': '<rootDir>/lib/index.ts', '^dynamodb-outbox/(.+)$': '<rootDir>/lib/$1.ts' },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/cdk.out', '<rootDir>/.outbox'],
  ...extra,
});

// Takes seconds for each test file that synthesizes; `npm run check:infra` validates the templates of every variant.
process.env.CDK_VALIDATION = 'false';
// A stack trace for each construct is in no template, and takes a tenth of the time of a synthesis.
process.env.CDK_CONTEXT_JSON = JSON.stringify({ 'aws:cdk:disable-creation-stack-traces': true });

// The globals and the packages of Node.js: see `test/one-realm`.
const ONE_REALM = {
  testEnvironment: '<rootDir>/test/one-realm/environment.js',
  runtime: '<rootDir>/test/one-realm/runtime.js',
  // Node.js itself needs it.
  fakeTimers: { doNotFake: ['nextTick'] },
};

/** They take as long as a third of the other unit tests, and need nothing but a processor. */
const SIMULATIONS = '/simulation/';

module.exports = {
  testSequencer: '<rootDir>/test/longest-first.js',
  // Only a test that hangs ever takes it: a busy machine must not fail one that works.
  testTimeout: 60_000,
  projects: [
    project('unit', { ...ONE_REALM, testPathIgnorePatterns: [SIMULATIONS] }),
    // `npm run verify` gives them only the processor time that the other tests leave.
    project('simulation', {
      ...ONE_REALM,
      testMatch: [`<rootDir>/test/unit/**${SIMULATIONS}*.test.ts`],
      setupFilesAfterEnv: ['<rootDir>/test/simulate/no-timeout.ts'],
    }),
    project('infra', ONE_REALM),
    project('package'),
    project('local', {
      // ES modules, which Jest cannot load here; in one realm, Node.js loads them.
      transform: { ...TYPESCRIPT, '/node_modules/@platformatic/.+\\.js$': swc('ecmascript') },
      transformIgnorePatterns: ['/node_modules/(?!@platformatic/)'],
      globalSetup: '<rootDir>/test/local/global-setup.ts',
      globalTeardown: '<rootDir>/test/local/global-teardown.ts',
      setupFilesAfterEnv: ['<rootDir>/test/local/setup.ts'],
    }),
  ],
};
