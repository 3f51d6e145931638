import { relative } from 'node:path';
import { startConsoleProxy, type ConsoleProxy } from './console/console-proxy';
import { startConsole, type StartedConsole } from './console/start-console';
import { LocalStackError } from './errors';
import { progressLines } from './progress-lines';
import { PROBE_EVERY_MS, schedule } from './schedule';
import { startStack, type Stack } from './stack';
import { STACK_FILE } from './stack-file';
import { interruptAll } from './supervised-process';
import { parseStartArguments, USAGE } from './start-arguments';
import { silenceTimerWarning } from '../lib/kafka/timer-warning';

const STOPPED = 'Everything that was started is stopped.';
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

function readyText(stack: Stack, stackFile: string, url: string | undefined): string {
  const { brokers, dynamodbEndpoint, tableName, region, credentials, settings } = stack;
  const { topics, pids } = stack.describe();
  return `
The local stack is ready. The relay publishes every event of the table to Kafka.

  Kafka      ${brokers.join(',')}   topics: ${topics.join(', ')}
  DynamoDB   ${dynamodbEndpoint}   region ${region}, access key ${credentials.accessKeyId}, secret key ${credentials.secretAccessKey}
  table      ${tableName}
  relay      batches of ${settings.batchSize}, as in the template; log: ${relative(process.cwd(), stack.relayLog)}
  console    ${url ?? '(none)'}
  processes  Kafka ${pids.kafka.join(', ') || '(yours)'} · DynamoDB ${pids.dynamodb ?? '(yours)'}

What waits and why: npx outbox status
Another program finds all of this in ${relative(process.cwd(), stackFile)}.
Ctrl-C stops everything.`;
}

/** Without a console, the stack ends too: a command that fails leaves nothing running. */
async function consoleOf(stack: Stack, proxy: ConsoleProxy | undefined, port: number): Promise<StartedConsole> {
  try {
    return await startConsole({ stack, consumers: [], proxy }, port);
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

async function main(): Promise<number> {
  const { topics, nodes, publisher, port, json, help, file = STACK_FILE } = parseStartArguments(process.argv.slice(2));
  if (help) {
    process.stdout.write(USAGE);
    return 0;
  }
  silenceTimerWarning();
  const interrupted = new Promise<keyof typeof EXIT_CODES>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });
  const lines = progressLines(process.stderr);
  let proxy: ConsoleProxy | undefined;
  const starting = startStack({
    ...{ topics, nodes, context: { publisher }, stackFile: file, onProgress: lines.onProgress },
    ...(port === undefined
      ? {}
      : { relayDynamodbEndpoint: async (endpoint) => (proxy = await startConsoleProxy(endpoint)).endpoint }),
  });
  const first = await Promise.race([starting, interrupted]).finally(() => lines.end());
  if (typeof first === 'string') {
    console.error('Interrupted; stopping …');
    interruptAll();
    // An interrupted start cleans up and then rejects. A start that was just done is stopped as usual.
    await starting.then(
      (stack) => stack.stop(),
      () => undefined,
    );
    console.error(STOPPED);
    return EXIT_CODES[first];
  }
  first.mapping.on('read-error', (error) => console.error('The stream could not be read; it is tried again:', error));
  first.relay.on('ended', ({ pid, reason }) => console.error(`The relay's process ${pid} has ended: ${reason}`));
  const shown = port === undefined ? undefined : await consoleOf(first, proxy, port);
  if (json) console.log(JSON.stringify({ ...first.describe(), console: shown?.url }));
  else console.log(readyText(first, file, shown?.url));
  const endSchedule = schedule(first, {
    sweepEveryMs: first.template.sweeper.everyMs,
    probeEveryMs: PROBE_EVERY_MS,
    onSweepFailure: (error) => console.error('The sweep failed; the next one does its work:', error),
    onProbeFailure: (error) => console.error('Partitions could not be tried; the next minute does:', error),
  });
  const signal = await interrupted;
  endSchedule();
  console.error('\nStopping …');
  first.relay.removeAllListeners('ended');
  await shown?.stop();
  await first.stop();
  await proxy?.stop();
  console.error(STOPPED);
  return EXIT_CODES[signal];
}

main().then(
  // `process.exitCode` is not enough: an interrupted start would continue.
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof LocalStackError ? error.message : error);
    process.exit(1);
  },
);
