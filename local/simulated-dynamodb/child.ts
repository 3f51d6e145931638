// The process of the simulated DynamoDB: its options are the only argument, and its endpoint is its only message.
import { SimulatedServer } from './http-server';
import type { ServerOptions } from './protocol';

const [, , options = ''] = process.argv;

// The parent process has ended, and this one must not outlive it.
process.on('disconnect', () => process.exit());

new SimulatedServer(JSON.parse(options) as ServerOptions).listen().then(
  (endpoint) => process.send?.(endpoint),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
