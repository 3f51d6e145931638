const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { default: JestRunner } = require('jest-runner');

/** Stryker sets it while a mutant is active. */
const ACTIVE_MUTANT = '__STRYKER_ACTIVE_MUTANT__';

/**
 * For a mutant, Stryker names the tests that reach it, and Jest would load every file to find them. This runner loads
 * only the files that have such a test, the shortest first, and ends after the first file in which one fails.
 *
 * The run without a mutant, which comes first, writes down the tests of each file.
 */
module.exports = class CoveringFiles extends JestRunner {
  async runTests(tests, watcher, options) {
    const [{ context }] = tests;
    const notes = join(context.config.rootDir, 'tests-of-files.json');
    if (process.env[ACTIVE_MUTANT] === undefined) await this.#noteTests(notes, tests, watcher, options);
    else await this.#killMutant(JSON.parse(readFileSync(notes, 'utf8')), tests, watcher, options);
  }

  async #noteTests(notes, tests, watcher, options) {
    const files = {};
    this.on('test-file-success', ([{ path }, { perfStats, testResults }]) => {
      files[path] = { ms: perfStats.runtime, names: testResults.map(({ fullName }) => fullName) };
    });
    await super.runTests(tests, watcher, options);
    writeFileSync(notes, JSON.stringify(files));
  }

  async #killMutant(files, tests, watcher, options) {
    let hasFailed = false;
    this.on('test-file-success', ([, { numFailingTests, testExecError }]) => {
      hasFailed ||= numFailingTests > 0 || testExecError !== undefined;
    });
    const reaching = new RegExp(this._globalConfig.testNamePattern ?? '', 'i');
    const covering = tests
      .filter(({ path }) => files[path]?.names.some((name) => reaching.test(name)))
      .toSorted((a, b) => files[a.path].ms - files[b.path].ms);
    for (const test of covering) if (!hasFailed) await super.runTests([test], watcher, options);
  }
};
