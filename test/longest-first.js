const { relative } = require('node:path');

/** Seconds of the longest files on two idle cores. The order matters, not the exact time. */
const SECONDS = {
  'test/local/effects-once.test.ts': 130,
  'test/local/drills.test.ts': 90,
  'test/local/consume.test.ts': 80,
  'test/local/faults.test.ts': 75,
  'test/local/partition-unavailable.test.ts': 75,
  'test/local/publisher/partition-away.test.ts': 60,
  'test/local/publisher/three-brokers.test.ts': 60,
  'test/local/cli.test.ts': 60,
  'test/local/consumer-cli.test.ts': 60,
  'test/local/documented-commands.test.ts': 50,
  'test/local/demo.test.ts': 45,
  'test/local/delivery.test.ts': 40,
  'test/local/stack.test.ts': 40,
  'test/local/redrive.test.ts': 30,
  'test/local/retention.test.ts': 30,
  'test/local/verify.test.ts': 30,
  'test/unit/operate/verify/comparison.test.ts': 12,
  'test/unit/consume/dead-letters-come-back.test.ts': 10,
  'test/unit/schema/differences.test.ts': 8,
};

/** Files that are not listed take a few seconds each. */
const OTHERS = 5;

/** Starts the longest files first, so that the processes end together. */
module.exports = class LongestFirst {
  sort(tests) {
    const seconds = ({ path, context }) => SECONDS[relative(context.config.rootDir, path)] ?? OTHERS;
    return tests.toSorted((a, b) => seconds(b) - seconds(a) || (a.path < b.path ? -1 : 1));
  }

  /** Jest calls it after a run. The order depends on the list alone, so that every machine has the same. */
  cacheResults() {}
};
