import type { Command } from 'commander';
import { isParkedUnder, parkedKeys, type ListedParkedKey, type ParkedKey } from '../../../lib/operate/consumer/parked';
import { formatReceipt } from '../../../lib/event/receipt';
import { runOnInbox, EXIT_CODES } from '../run-in-session';
import { nameOf } from '../consumer-requests';
import { argument, columns, count, duration, number, time } from '../format';
import { Groups } from '../group-by-reason';
import type { InboxSession } from '../session';

interface ParkedOptions {
  readonly inbox: string;
  readonly consumer?: string;
  readonly reason?: string;
}

export function addConsumerParked(consumer: Command): void {
  consumer
    .command('parked')
    .argument('[key...]', 'such as order#42 (default: all)')
    .description('list the keys with parked events: why, since when, and how many events wait')
    .requiredOption('--inbox <table>', "the consumer's table (required)")
    .option('--consumer <name>', 'its name (default: every consumer of the table, which is scanned for them)')
    .option('--reason <text>', 'keys whose reason contains this, such as "no stock" (default: any)')
    .action((keys: string[], options: ParkedOptions, command: Command) =>
      runOnInbox(command, (session) => run(session, keys, options)),
    );
}

async function run(
  { terminal, client }: InboxSession,
  named: readonly string[],
  { inbox, consumer, reason }: ParkedOptions,
): Promise<number> {
  const now = Date.now();
  let groups: Groups | undefined;
  let isFirst = true;
  const keys = await parkedKeys(
    { client, tableName: inbox },
    {
      keys: named.length === 0 ? undefined : named,
      ...{ consumer, reason },
      onProgress: (scanned) => terminal.progress(`${count(scanned, 'item')} read`),
      onListed: (listed) => {
        if (listed.length === 0) return;
        groups = new Groups(listed.map(reasoned), 'key', now);
        terminal.part([...(isFirst ? [] : ['']), ...heading(listed, inbox), '', ...groups.lines]);
        isFirst = true;
      },
      onKeys: (portion) => {
        const rows = columns([...(isFirst ? [TITLES] : []), ...portion.map((key) => rowOf(key, now))]);
        const details = portion.flatMap((key) => detailsOf(key, groups));
        terminal.part(details.length === 0 ? rows : [...rows, '', ...details]);
        isFirst = false;
      },
    },
  );
  const idle = named.filter((name) => !keys.some((parked) => isParkedUnder(name, parked)));
  const nothing = reason === undefined ? 'No key is parked.' : `No key is parked with "${reason}" in its reason.`;
  if (terminal.json || (keys.length === 0 && idle.length === 0)) {
    terminal.result(keys, () => [terminal.style('green', nothing)]);
  } else if (idle.length > 0) {
    // This list does not show whether the key is applied, or known at all.
    terminal.part(
      idle.map((key) => `${key}: not parked. Next: outbox explain ${argument(key)} --inbox ${argument(inbox)}`),
    );
  }
  return EXIT_CODES.done;
}

const TITLES = ['CONSUMER', 'KEY', 'TOPIC', 'SOURCE', 'AT', 'TYPE', 'FOR', 'WAITING'];

const reasoned = ({ why, since }: Pick<ListedParkedKey, 'why' | 'since'>) => ({ reason: why, message: why, since });

const rowOf = ({ consumer, head, since, waiting, ...key }: ParkedKey, now: number): string[] => [
  ...[consumer, nameOf(key), key.topic, key.source],
  head === undefined ? '' : formatReceipt(head),
  head?.type ?? '',
  duration(now - since),
  number(waiting),
];

const detailsOf = (parked: ParkedKey, groups: Groups | undefined): string[] => [
  ...(groups?.shows(reasoned(parked)) === true
    ? []
    : [`${nameOf(parked)}: parked since ${time(parked.since)}: ${parked.why}`]),
  ...parked.requests.map(
    ({ asks, request: { at, by, why } }) => `  ${nameOf(parked)}: ${asks} requested ${time(at)} by ${by}: ${why}`,
  ),
];

const heading = (listed: readonly ListedParkedKey[], inbox: string): string[] => [
  `${count(listed.length, 'key')} parked. Next, when the cause is fixed:`,
  ...[...new Set(listed.map(({ consumer }) => consumer))].map(
    (name) =>
      `  outbox consumer redrive KEY… | --reason TEXT | --all --inbox ${inbox} --consumer ${name} --why "…" --follow`,
  ),
];
