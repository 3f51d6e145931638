import type { Command } from 'commander';
import { show, type ShownItem, type ShownKey } from '../../../lib/operate/show';
import { goneLines } from '../../../lib/operate/gone';
import type { OperatorNote } from '../../../lib/event/signal';
import { shownPosition } from '../../../lib/event/position';
import { runInSession, EXIT_CODES } from '../run-in-session';
import { argument, columns, count, time } from '../format';
import type { Session } from '../session';

export function addShow(program: Command): void {
  program
    .command('show')
    .argument('<key>', 'such as order#42')
    .description('show the items of a key in the table: states, receipts, times, hold and signals')
    .action((key: string, _options: unknown, command: Command) =>
      runInSession(command, (session) => run(session, key)),
    );
}

async function run({ terminal, target }: Session, key: string): Promise<number> {
  const shown = await show(target, key);
  terminal.result(shown, () => lines(shown));
  return shown.gone === undefined ? EXIT_CODES.done : EXIT_CODES.wrong;
}

function lines({ pk, hold, gone, items, signals }: ShownKey): string[] {
  const heldLines =
    hold === undefined
      ? ['not held']
      : [`${hold.state} at ${shownPosition(hold.position)} since ${time(hold.since)}: ${hold.reason}, ${hold.message}`];
  const goneNotes = gone === undefined ? [] : goneLines(gone).map((line, at) => `${at === 0 ? pk : 'Next'}: ${line}`);
  const rows = items.map((item) => [
    shownPosition(item.position),
    item.gone === true ? 'gap' : item.state,
    item.committedAt === undefined ? '?' : time(item.committedAt),
    item.events.map(({ type = '?' }) => type).join(' '),
    item.receipts.join(' '),
  ]);
  return [
    `${pk}: ${count(items.length, 'item')}, ${heldLines.join('')}`,
    ...goneNotes,
    '',
    ...(rows.length === 0 ? [] : [...columns([['AT', 'STATE', 'COMMITTED', 'EVENTS', 'RECEIPTS'], ...rows]), '']),
    ...items.flatMap((item) => history(pk, item, hold?.position === item.position)),
    ...signals.flatMap((signal) => [
      `signal ${JSON.stringify(signal)}`,
      `  for the AWS CLI: --key ${awsKey(String(signal['pk']), String(signal['sk']))}`,
    ]),
  ];
}

function history(pk: string, item: ShownItem, isAwaited: boolean): string[] {
  const at = shownPosition(item.position);
  const { parked, redriven, discarded, gone, gap } = item;
  return [
    ...(parked === undefined
      ? []
      : [
          `${at}: parked ${time(parked.since)} after ${count(parked.attempts, 'attempt')}: ${parked.reason}, ${parked.message}`,
        ]),
    ...(parked === undefined && !isAwaited
      ? []
      : [`  for the AWS CLI: --key ${awsKey(pk, item.position)}${item.id === undefined ? '' : `, id ${item.id}`}`]),
    ...(redriven === undefined ? [] : [`${at}: redriven ${asked(redriven)}`]),
    ...(discarded === undefined
      ? []
      : [`${at}: ${gone === true ? 'item gone, gap recorded' : 'discarded'} ${asked(discarded)}`]),
    ...(gap === undefined ? [] : [`${at}: event ${gap.id} had this position and is gone, gap recorded ${asked(gap)}`]),
  ];
}

/** A primary key as `aws dynamodb` takes it, quoted for a shell. */
const awsKey = (pk: string, sk: string): string => argument(JSON.stringify({ pk: { S: pk }, sk: { S: sk } }));

const asked = ({ at, by, why }: OperatorNote): string => `${time(at)} by ${by}: ${why}`;
