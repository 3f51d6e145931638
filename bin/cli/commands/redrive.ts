import { Option, type Command } from 'commander';
import { planRedrive } from '../../../lib/operate/redrive';
import { selectionOf, sendRedrive, withSelectionOptions, type SelectionOptions } from '../relay-requests';
import { withRequestOptions, type RequestOptions } from '../requests';
import { runInSession } from '../run-in-session';
import { SessionError } from '../session';
import { runSkip, type SkipOptions } from './skip';

/** `--skip`, `--at` and `--yes` are the former form of `outbox skip`. */
interface RedriveOptions extends RequestOptions, SelectionOptions, SkipOptions {
  readonly skip?: true;
}

export function addRedrive(program: Command): void {
  const redrive = program
    .command('redrive')
    .argument('[key...]', 'such as order#42')
    .description('ask the relay to publish the waiting events of keys, after the cause is fixed; safe to repeat');
  withRequestOptions(withSelectionOptions(redrive));
  for (const former of ['--skip', '--at <position>', '--yes']) redrive.addOption(new Option(former).hideHelp());
  redrive.action((keys: string[], options: RedriveOptions, command: Command) => {
    const selection = selectionOf('redrive', keys, options);
    if (options.skip === true) return runInSession(command, (session) => runSkip(session, selection, options));
    if (options.at !== undefined) throw new SessionError('redrive: --at belongs to outbox skip.');
    return runInSession(command, async (session) =>
      sendRedrive(session, await planRedrive(session.target, selection), options),
    );
  });
}
