import type { Command } from 'commander';
import { addConsumerCreateTable } from './consumer-create-table';
import { addConsumerDeadLetters } from './consumer-dead-letters';
import { addConsumerLag } from './consumer-lag';
import { addConsumerParked } from './consumer-parked';
import { addConsumerRedrive } from './consumer-redrive';
import { addConsumerSkip } from './consumer-skip';

const EXAMPLES = `
Examples:
  outbox consumer parked --inbox shipping-inbox
  outbox consumer redrive order#42 order#43 --inbox shipping-inbox --consumer shipping --why "stock is back" --follow
  outbox consumer redrive --all --inbox shipping-inbox --consumer shipping --why "bug fixed"
  outbox consumer skip order#42 --at orders-3@1024 --inbox shipping-inbox --consumer shipping --why "test data" --yes
  outbox consumer lag order#42 --inbox shipping-inbox --consumer shipping --stack Shop
  outbox consumer dead-letters --topic orders --consumer shipping
  outbox consumer dead-letters --topic orders --consumer shipping --inbox shipping-inbox \\
    --reason handler-failed --resend --as parked --why "bug fixed" --yes --follow
  outbox consumer create-table --table shipping-inbox

redrive, skip and --resend put requests into the consumer's table. A running instance polls for them, by default every
ten seconds.`;

export function addConsumer(program: Command): void {
  const consumer = program
    .command('consumer')
    .description('operate a consumer: list and release parked keys and dead letters')
    .addHelpText('after', EXAMPLES);
  const additions = [
    addConsumerParked,
    addConsumerRedrive,
    addConsumerSkip,
    addConsumerLag,
    addConsumerDeadLetters,
    addConsumerCreateTable,
  ];
  for (const add of additions) add(consumer);
}
