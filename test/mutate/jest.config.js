const { resolve } = require('node:path');
const { projects } = require('../../jest.config');

const rootDir = resolve(__dirname, '../..');
const unit = projects.find(({ displayName }) => displayName === 'unit');
const core = process.env.MUTATED_CORE;

/** The unit tests of one core: Stryker cannot run several projects. */
module.exports = {
  ...unit,
  rootDir,
  roots: ['<rootDir>/lib', '<rootDir>/test'],
  testMatch: [`<rootDir>/test/unit/${core}/**/*.test.ts`],
  // The latter change the text of the code themselves, and find the mutants in its place.
  testPathIgnorePatterns: [...unit.testPathIgnorePatterns, '/rules-switched-off\\.test\\.ts$'],
  testTimeout: 60_000,
  // Stryker does not resolve <rootDir>.
  testEnvironment: resolve(__dirname, 'environment.js'),
  runner: resolve(__dirname, 'runner.js'),
};
