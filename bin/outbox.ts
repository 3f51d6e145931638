#!/usr/bin/env node
import { engines, version } from '../package.json';
import { reportFailure } from './cli/failure';
import { createProgram } from './cli/program';
import { SessionError } from './cli/session';
import { allowClosed } from './cli/terminal';
import { silenceTimerWarning } from '../lib/kafka/timer-warning';

async function main(): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = (/\d+(\.\d+)*/.exec(engines.node)?.[0] ?? '').split('.').map(Number);
  if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
    throw new SessionError(`outbox needs Node.js ${engines.node}; this is ${process.version}.`);
  }
  await createProgram(version).parseAsync();
}

silenceTimerWarning();
allowClosed(process.stdout);
allowClosed(process.stderr);

main().catch((error: unknown) => {
  process.exitCode = reportFailure(error);
});
