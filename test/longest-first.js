const { relative } = require('node:path');

/** Seconds of the longest files in one run. The order matters, not the exact time. */
const SECONDS = {
  'test/local/publisher/three-brokers.test.ts': 245,
  'test/local/redrive.test.ts': 225,
  'test/local/tutorial.test.ts': 190,
  'test/local/drills.test.ts': 180,
  'test/local/retention.test.ts': 165,
  'test/local/console.test.ts': 150,
  'test/unit/relay/simulation/simulation.test.ts': 146,
  'test/local/publisher/partition-away.test.ts': 115,
  'test/unit/relay/simulation/rules-switched-off.test.ts': 97,
  'test/local/faults.test.ts': 90,
  'test/local/chaos.test.ts': 85,
  'test/local/cli.test.ts': 85,
  'test/local/partition-unavailable.test.ts': 80,
  'test/local/publisher/logins.test.ts': 75,
  'test/local/migration.test.ts': 75,
  'test/local/effects-once.test.ts': 75,
  'test/local/demo.test.ts': 65,
  'test/local/documented-commands.test.ts': 65,
  'test/local/consume.test.ts': 65,
  'test/local/stack.test.ts': 60,
  'test/local/permissions.test.ts': 55,
  'test/local/metrics.test.ts': 55,
  'test/unit/consume/simulation/simulation.test.ts': 52,
  'test/local/smoke.test.ts': 50,
  'test/local/platformatic.test.ts': 50,
  'test/local/publisher/one-broker.test.ts': 50,
  'test/local/costs.test.ts': 50,
  'test/local/consumer-cli.test.ts': 45,
  'test/local/bench.test.ts': 45,
  'test/local/sweep-without-cause.test.ts': 40,
  'test/unit/consume/simulation/rules-switched-off.test.ts': 37,
  'test/unit/consume/dead-letters-come-back.test.ts': 34,
  'test/package/package.test.ts': 33,
  'test/local/delivery.test.ts': 35,
  'test/unit/relay/simulation/crashes.test.ts': 32,
  'test/local/simulated-dynamodb.test.ts': 30,
  'test/local/foreign-writers.test.ts': 30,
  'test/unit/consume/simulation/crashes.test.ts': 25,
  'test/infra/functions/bundle.test.ts': 21,
  'test/unit/relay/relay.property.test.ts': 20,
  'test/unit/docs/examples-compile.test.ts': 19,
  'test/local/verify.test.ts': 20,
  'test/local/kafka-permissions.test.ts': 20,
  'test/local/explain.test.ts': 20,
  'test/local/poison.test.ts': 15,
  'test/local/schema.test.ts': 15,
  'test/local/parked-item-deleted.test.ts': 15,
  'test/local/kafka-versions.test.ts': 15,
  'test/unit/fuzz/targets.test.ts': 14,
  'test/unit/operate/verify/comparison.test.ts': 14,
  'test/unit/consume/kafkajs/runner.test.ts': 13,
  'test/local/memory-dynamodb.test.ts': 10,
  'test/unit/relay/dynamodb/client.test.ts': 12,
  'test/local/kafka-lacks-what-a-consumer-reads.test.ts': 10,
  'test/local/event-source-mapping.test.ts': 10,
  'test/local/large-messages-in-an-outage.test.ts': 10,
  'test/unit/event/gzipped-data.test.ts': 9,
  'test/unit/testing/deliver.test.ts': 9,
  'test/infra/app/outbox-app.test.ts': 9,
  'test/infra/consumer/outbox-consumer.test.ts': 8,
  'test/unit/schema/compatibility.test.ts': 8,
  'test/unit/bin/conformance/check-writer.test.ts': 8,
  'test/unit/event/item-rules.test.ts': 8,
  'test/unit/local/simulated-dynamodb/mapping.test.ts': 10,
  'test/infra/template-checks/policy-size.test.ts': 8,
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
