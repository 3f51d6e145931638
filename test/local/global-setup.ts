import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareKafka } from '../../local/kafka/distribution';
import { missingTools } from '../../local/kafka/tools';
import { progressLine } from '../../local/progress-lines';
import { RUN_FOLDER } from './harness/run-folder';
import { SERVER_HOST, ServerHost } from './harness/server-host';

/** Runs the servers that the test files share; `global-teardown` stops it. */
export let serverHost: ServerHost | undefined;

/** Reports a missing tool once instead of in every test, and downloads servers before a test's time runs. */
export default async function prepareServers(): Promise<void> {
  const missing = missingTools();
  if (missing.length === 0) {
    const folder = (process.env[RUN_FOLDER] = mkdtempSync(join(tmpdir(), 'outbox-tests-')));
    // Halves the start of the command line, which the tests run some hundred times.
    process.env['NODE_COMPILE_CACHE'] = join(folder, 'compiled');
    await prepareKafka((progress) => {
      if (progress.state !== 'running') console.error(progressLine(progress));
    });
    serverHost = await ServerHost.start();
    process.env[SERVER_HOST] = serverHost.address;
    return;
  }
  throw new Error(
    [
      'The local tests run Apache Kafka and DynamoDB Local, and something that they need is missing:',
      ...missing.map(({ problem, howToGet }) => `- ${problem}. Install ${howToGet}.`),
      '"npm run test:unit" runs the tests that need no servers.',
    ].join('\n'),
  );
}
