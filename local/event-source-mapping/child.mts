// Runs one Lambda function, as the runtime does in AWS. An ES module, so that Node.js runs this file without a build.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Answer, Invoke } from './child-protocol.ts';

type Handler = (event: unknown, context: unknown) => unknown;

const variable = (name: string): string => process.env[name] ?? '';
const answer = (message: Answer): void => {
  process.send?.(message);
};
const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

function loadHandler(): Handler {
  const [, moduleName = '', exportName = ''] = /^(.+)\.([^.]+)$/.exec(variable('_HANDLER')) ?? [];
  const code = createRequire(import.meta.url)(join(variable('LAMBDA_TASK_ROOT'), moduleName)) as Record<
    string,
    unknown
  >;
  const handler = code[exportName];
  if (typeof handler !== 'function') throw new Error(`${variable('_HANDLER')} is undefined or not exported`);
  return handler as Handler;
}

const contextOf = ({ deadlineMs, requestId }: Invoke): object => ({
  awsRequestId: requestId,
  functionName: variable('AWS_LAMBDA_FUNCTION_NAME'),
  functionVersion: variable('AWS_LAMBDA_FUNCTION_VERSION'),
  invokedFunctionArn: `arn:aws:lambda:${variable('AWS_REGION')}:000000000000:function:${variable('AWS_LAMBDA_FUNCTION_NAME')}`,
  memoryLimitInMB: variable('AWS_LAMBDA_FUNCTION_MEMORY_SIZE'),
  logGroupName: variable('AWS_LAMBDA_LOG_GROUP_NAME'),
  logStreamName: variable('AWS_LAMBDA_LOG_STREAM_NAME'),
  callbackWaitsForEmptyEventLoop: true,
  getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
});

async function run(handler: Handler, head: string, event: string): Promise<void> {
  const invoke = JSON.parse(head) as Invoke;
  const { requestId } = invoke;
  try {
    const response = await handler(JSON.parse(event), contextOf(invoke));
    // Lambda sends the response as JSON, which has null for `undefined`.
    answer({ kind: 'answered', requestId, response: response ?? null });
  } catch (error) {
    answer({ kind: 'error', requestId, message: textOf(error) });
  }
}

/** Events are text, as in Lambda's Runtime API: Node.js's messages between processes take longer for large ones. */
function onInvocation(begin: (head: string, event: string) => void): void {
  const lines: string[] = [];
  let parts: Buffer[] = [];
  process.stdin.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      lines.push(Buffer.concat([...parts, rest.subarray(0, end)]).toString());
      parts = [];
      rest = rest.subarray(end + 1);
      const [head, event] = lines;
      if (head === undefined || event === undefined) continue;
      lines.length = 0;
      begin(head, event);
    }
    if (rest.length > 0) parts.push(rest);
  });
}

// The parent process has ended, and this one must not outlive it.
process.on('disconnect', () => process.exit());

try {
  const handler = loadHandler();
  onInvocation((head, event) => void run(handler, head, event));
  answer({ kind: 'ready', initMs: process.uptime() * 1000 });
} catch (error) {
  answer({ kind: 'init-error', message: textOf(error) });
}
