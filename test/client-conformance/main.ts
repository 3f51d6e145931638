import { parseArgs } from 'node:util';
import { messageOf } from '../../lib/event/errors';
import { silenceTimerWarning } from '../../lib/kafka/timer-warning';
import type { ConformanceCase } from './case';
import { CASES } from './cases';
import type { Client } from './client';
import { bareKafkajs } from './clients/bare-kafkajs';
import { kafkajs } from './clients/kafkajs';
import { platformatic } from './clients/platformatic';
import { problemsOf, runCase, summaryOf } from './run-case';
import { startTestbed, type Testbed } from './testbed';

const CLIENTS: readonly Client[] = [kafkajs, platformatic, bareKafkajs];
const DEFAULT_RECORDS = 300_000;

const USAGE = `npm run check-client -- [CLIENT …] [--case NAME …] [--records ${DEFAULT_RECORDS}]
  clients: ${CLIENTS.map(({ name, isControl }) => (isControl ? `${name} (a control, which must lose messages)` : name)).join(', ')}
  cases:   ${CASES.map(({ name }) => name).join(', ')}`;

interface Options {
  readonly clients: readonly Client[];
  readonly cases: readonly ConformanceCase[];
  readonly records: number;
}

function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { case: { type: 'string', multiple: true }, records: { type: 'string' } },
  });
  const records = Number(values.records ?? DEFAULT_RECORDS);
  if (!Number.isSafeInteger(records) || records < 1) throw new RangeError('--records must be a positive integer.');
  return {
    clients: positionals.length === 0 ? CLIENTS : positionals.map((name) => named('client', CLIENTS, name)),
    cases: values.case === undefined ? CASES : values.case.map((name) => named('case', CASES, name)),
    records,
  };
}

function named<T extends { readonly name: string }>(kind: string, all: readonly T[], name: string): T {
  const found = all.find((each) => each.name === name);
  if (found === undefined) {
    throw new RangeError(`There is no ${kind} "${name}"; there are ${all.map((each) => each.name).join(', ')}.`);
  }
  return found;
}

/** Runs the cases with a client. A control runs only those that it is known to fail. Resolves with whether it passed. */
async function check(testbed: Testbed, client: Client, { cases, records }: Options): Promise<boolean> {
  const chosen = client.isControl ? cases.filter(({ catchesControls }) => catchesControls) : cases;
  if (chosen.length === 0) return true;
  console.log(`\n${client.name}${client.isControl ? ' (a control: it must lose messages)' : ''}`);
  let isGood = true;
  for (const each of chosen) {
    const startedAt = performance.now();
    const result = await runCase(testbed, client, each, records);
    const problems = problemsOf(client, result);
    isGood &&= problems.length === 0;
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    console.log(`  ${problems.length === 0 ? '✔' : '✘'} ${each.name}: ${each.title} (${seconds} s)`);
    for (const line of [summaryOf(result), ...problems]) console.log(`      ${line}`);
  }
  return isGood;
}

async function main(): Promise<number> {
  silenceTimerWarning();
  let options: Options;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  const startedAt = performance.now();
  const testbed = await startTestbed();
  let isGood = true;
  try {
    for (const client of options.clients) isGood = (await check(testbed, client, options)) && isGood;
  } finally {
    await testbed.stop();
  }
  console.log(`\n${isGood ? 'passed' : 'failed'} in ${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes`);
  return isGood ? 0 : 1;
}

void main().then((code) => process.exit(code));
