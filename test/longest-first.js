const { relative } = require('node:path');
const Sequencer = require('@jest/test-sequencer').default;

/** Seconds of the longest files on two idle cores. The order matters, not the exact time. */
const SECONDS = {};

/** Files that are not listed take a few seconds each. */
const OTHERS = 5;

/** Starts the longest files first, so that the processes end together. */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const seconds = ({ path, context }) => SECONDS[relative(context.config.rootDir, path)] ?? OTHERS;
    return tests.toSorted((a, b) => seconds(b) - seconds(a) || (a.path < b.path ? -1 : 1));
  }
};
