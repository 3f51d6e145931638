const { relative } = require('node:path');

/** Seconds of the longest files in one run. The order matters, not the exact time. */
const SECONDS = {
  'test/local/drills.test.ts': 195,
  'test/local/publisher/three-brokers.test.ts': 210,
  'test/local/redrive.test.ts': 240,
  'test/local/retention.test.ts': 135,
  'test/local/console.test.ts': 205,
  'test/local/tutorial.test.ts': 80,
  'test/local/effects-once.test.ts': 100,
  'test/local/partition-unavailable.test.ts': 95,
  'test/local/cli.test.ts': 90,
  'test/local/consume.test.ts': 90,
  'test/local/chaos.test.ts': 100,
  'test/local/faults.test.ts': 85,
  'test/local/permissions.test.ts': 70,
  'test/local/demo.test.ts': 70,
  'test/local/migration.test.ts': 65,
  'test/local/stack.test.ts': 65,
  'test/local/costs.test.ts': 60,
  'test/local/documented-commands.test.ts': 60,
  'test/local/publisher/partition-away.test.ts': 55,
  'test/local/consumer-cli.test.ts': 55,
  'test/local/delivery.test.ts': 55,
  'test/local/verify.test.ts': 40,
  'test/local/smoke.test.ts': 40,
  'test/unit/relay/simulation/simulation.test.ts': 35,
  'test/local/explain.test.ts': 30,
  'test/local/schema.test.ts': 30,
  'test/local/poison.test.ts': 30,
  'test/local/publisher/one-broker.test.ts': 25,
  'test/unit/relay/simulation/rules-switched-off.test.ts': 20,
  'test/unit/relay/simulation/crashes.test.ts': 20,
  'test/unit/consume/simulation/crashes.test.ts': 18,
  'test/unit/consume/simulation/simulation.test.ts': 18,
  'test/unit/consume/dead-letters-come-back.test.ts': 18,
  'test/unit/relay/relay.property.test.ts': 16,
  'test/unit/consume/simulation/rules-switched-off.test.ts': 15,
  'test/unit/docs/examples-compile.test.ts': 15,
  'test/unit/testing/deliver.test.ts': 10,
  'test/unit/operate/verify/comparison.test.ts': 8,
  'test/infra/app/outbox-app.test.ts': 7,
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
