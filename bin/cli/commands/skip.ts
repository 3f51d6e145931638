import type { Command } from 'commander';
import { shownPosition } from '../../../lib/event/position';
import { planRedrive, type KeySelection, type RedrivePlan } from '../../../lib/operate/redrive';
import { positionOf } from '../../../lib/operate/where';
import { columns, count } from '../format';
import { idleLines, selectionOf, sendRedrive, withSelectionOptions, type SelectionOptions } from '../relay-requests';
import { withRequestOptions, type RequestOptions } from '../requests';
import { needsYes, runInSession } from '../run-in-session';
import { SessionError, type Session } from '../session';

export interface SkipOptions {
  readonly at?: string;
  readonly yes?: true;
}

export function addSkip(program: Command): void {
  const skip = program
    .command('skip')
    .argument('[key]', 'such as order#42')
    .description('discard the item that holds a key permanently, and publish the items behind it; needs --yes')
    .option('--at <position>', 'the item, as "held" prints it: no other is discarded. If it is gone, record the gap');
  withRequestOptions(withSelectionOptions(skip))
    .option('--yes', 'confirms it')
    .action((key: string | undefined, options: RequestOptions & SelectionOptions & SkipOptions, command: Command) => {
      const selection = selectionOf('skip', key === undefined ? [] : [key], options);
      return runInSession(command, (session) => runSkip(session, selection, options));
    });
}

export async function runSkip(
  session: Session,
  selection: KeySelection,
  options: RequestOptions & SkipOptions,
): Promise<number> {
  const plan = await planRedrive(session.target, selection);
  const refusal = refusalOf(plan, selection, options);
  if (refusal !== undefined) throw new SessionError(`skip: ${refusal}`);
  if (options.yes !== true) {
    session.terminal.result({ wouldDiscard: plan.targets }, () => planLines(plan));
    return needsYes(session);
  }
  // `--at` names one item of one key, and has been compared with the hold.
  return sendRedrive(session, plan, options, { skip: true, acceptGone: options.at !== undefined });
}

/** The item must be named: the same command, run twice, must not discard a second item. */
function refusalOf({ targets }: RedrivePlan, selection: KeySelection, { at, yes }: SkipOptions): string | undefined {
  if (!('keys' in selection)) return at === undefined ? undefined : '--at belongs to one key: name it.';
  if (selection.keys.length > 1) return 'one key, or --all, or --reason CODE.';
  const [key = ''] = selection.keys;
  const position = targets[0]?.hold?.position;
  const held = position === undefined ? undefined : shownPosition(position);
  if (at === undefined) {
    return yes === true && held !== undefined
      ? `name the item: --at ${held} is the one that holds ${key} now.`
      : undefined;
  }
  if (position === positionOf(at)) return undefined;
  return `${key} is ${held === undefined ? 'not held' : `held at ${held}, not at ${at}`}. Nothing was discarded.`;
}

function planLines({ targets, idle }: RedrivePlan): string[] {
  const held = targets.flatMap(({ pk, hold }) => (hold === undefined ? [] : [{ pk, hold }]));
  const gone = targets.flatMap((one) => one.gone ?? []);
  const at = targets.length === 1 ? held.map(({ hold }) => ` --at ${shownPosition(hold.position)}`).join('') : '';
  return [
    ...idleLines(idle),
    ...(gone.length === 0
      ? []
      : [
          `${count(gone.length, 'item')} ${gone.length === 1 ? 'is' : 'are'} gone already: the gap would be recorded, and the later events would be published without it. First restore the items of which there is a copy: outbox restore. Gaps are recorded key by key, with --at.`,
        ]),
    `${count(held.length, 'item')} would be discarded permanently${at === '' ? '' : ` (with${at})`}:`,
    ...columns(held.map(({ pk, hold }) => [pk, shownPosition(hold.position), hold.reason, hold.message])),
  ];
}
