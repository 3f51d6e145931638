import type { Command } from 'commander';
import { aggregateOf } from '../../../lib/consume/inbox-keys';
import { parkedKeys, type ParkedKey } from '../../../lib/operate/consumer/parked';
import { receiptOf } from '../../../lib/operate/consumer/redrive-parked';
import { actOnInbox, EXIT_CODES } from '../act';
import { columns, count, duration, number, time } from '../format';
import type { InboxSession } from '../session';

interface ParkedOptions {
  readonly inbox: string;
  readonly consumer?: string;
}

export function addConsumerParked(consumer: Command): void {
  consumer
    .command('parked')
    .argument('[key...]', 'Kafka keys, such as 42 (default: all)')
    .description('list the keys of which events are parked: why, since when, and what waits')
    .requiredOption('--inbox <table>', "the consumer's table (required)")
    .option('--consumer <name>', 'its name (default: every consumer of the table, which is scanned for them)')
    .action((keys: string[], options: ParkedOptions, command: Command) =>
      actOnInbox(command, (session) => run(session, keys, options)),
    );
}

async function run(
  { terminal, client }: InboxSession,
  named: readonly string[],
  { inbox, consumer }: ParkedOptions,
): Promise<number> {
  const keys = await parkedKeys(
    { client, tableName: inbox },
    {
      keys: named.length === 0 ? undefined : named,
      consumer,
      onProgress: (scanned) => terminal.progress(`${count(scanned, 'item')} read`),
    },
  );
  terminal.result(keys, () =>
    keys.length === 0 ? [terminal.style('green', 'No key is parked.')] : lines(keys, inbox),
  );
  return EXIT_CODES.done;
}

function lines(keys: readonly ParkedKey[], inbox: string): string[] {
  const now = Date.now();
  const rows = keys.map(({ consumer, head, since, waiting, ...key }) => [
    ...[consumer, key.key, aggregateOf(key), key.topic, key.source],
    head === undefined ? '' : receiptOf(head),
    head?.type ?? '',
    duration(now - since),
    number(waiting),
  ]);
  const details = keys.flatMap(({ key, why, since, requests }) => [
    `${key}: parked since ${time(since)}: ${why}`,
    ...requests.map(
      ({ asks, request: { at, by, why: reason } }) => `  ${asks} asked for ${time(at)} by ${by}: ${reason}`,
    ),
  ]);
  const names = [...new Set(keys.map(({ consumer }) => consumer))];
  return [
    `${count(keys.length, 'key')} parked. Next, when the cause is fixed:`,
    ...names.map(
      (name) => `  outbox consumer redrive KEY… | --all --inbox ${inbox} --consumer ${name} --why "…" --follow`,
    ),
    '',
    ...columns([['CONSUMER', 'KEY', 'AGGREGATE', 'TOPIC', 'SOURCE', 'AT', 'TYPE', 'FOR', 'WAITING'], ...rows]),
    '',
    ...details,
  ];
}
