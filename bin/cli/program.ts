import { Command, Option } from 'commander';
import { addConformance } from './commands/conformance';
import { addConsumer } from './commands/consumer';
import { addCost } from './commands/cost';
import { addDoctor } from './commands/doctor';
import { addExplain } from './commands/explain';
import { addHeld } from './commands/held';
import { addRedrive } from './commands/redrive';
import { addReplay } from './commands/replay';
import { addRestore } from './commands/restore';
import { addSchema } from './commands/schema';
import { addShow } from './commands/show';
import { addSizes } from './commands/sizes';
import { addSkip } from './commands/skip';
import { addSmoke } from './commands/smoke';
import { addStatus } from './commands/status';
import { addSweep } from './commands/sweep';
import { addTakeOver } from './commands/take-over';
import { addTopic } from './commands/topic';
import { addVerify } from './commands/verify';
import { addWhere } from './commands/where';
import { refuseOptionsAsValues } from './option-as-value';
import { STACK_FILE } from './session';

const EXAMPLES = `
Examples:
  outbox status                                     of the local stack that runs here, else of the stack Outbox
  outbox status --stack Shop --region eu-west-1     of the outbox in a deployed stack
  outbox explain order#42 --inbox shipping-inbox    where one key is, and what to do next
  outbox held --table shop-outbox --json            of a table, for a program
  outbox redrive order#42 --why "topic made" --follow
  outbox redrive --reason unknown-topic --why "topic made"
  outbox skip order#42 --at 3 --why "cannot be sent" --yes
  outbox replay order#42 --from 3 --topic orders-again --why "new consumer" --yes
  outbox topic create audit --like orders --yes
  outbox verify --since 2h
  outbox smoke --stack Shop --topic outbox-smoke
  outbox cost --events-per-second 100 --event-bytes 1000
  outbox schema check --catalogue ./dist/events.js
  outbox conformance --writer "python3 writer.py conformance"
  outbox consumer parked --inbox shipping-inbox
  outbox consumer redrive order#42 --inbox shipping-inbox --consumer shipping --why "stock is back" --follow

Exit codes
  0  done. status, verify, doctor, smoke, explain, conformance: no fault. Lists (held, show, consumer parked,
     consumer dead-letters) end with 0 even if they are not empty
  1  a fault was found (an item that is gone as well, by any command), or a part of the request failed
  2  nothing was done: bad arguments, no access, not confirmed with --yes, or an unknown key
  3  verify, explain: cannot be decided (yet)`;

/** Creates the command line with all its commands. */
export function createProgram(version: string): Command {
  const program = new Command('outbox')
    .description('Operates a transactional outbox on DynamoDB: shows which events wait and why, and releases them.')
    .version(version)
    .addOption(new Option('--table <name>', 'the outbox table').conflicts('stack'))
    .option('--stack <name>', 'the CloudFormation stack that has the outbox (default: Outbox)')
    .addOption(
      new Option(
        '--local <file>',
        `a running local stack, by the file that describes it (default: ${STACK_FILE})`,
      ).conflicts(['table', 'stack']),
    )
    .option('--region <name>', 'AWS region (default: as the AWS SDK finds it)')
    .option(
      '--by <name>',
      'your name, kept with each change (default: the ARN of the caller; with a local stack, the login)',
    )
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  const additions = [
    addStatus,
    addHeld,
    addExplain,
    addShow,
    addWhere,
    addRedrive,
    addSkip,
    addRestore,
    addReplay,
    addSweep,
    addTakeOver,
    addVerify,
    addDoctor,
    addSmoke,
    addCost,
    addSizes,
    addSchema,
    addConformance,
    addTopic,
    addConsumer,
  ];
  for (const add of additions) add(program);
  refuseOptionsAsValues(program);
  return program;
}
