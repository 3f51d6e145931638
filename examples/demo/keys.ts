import { emitKeypressEvents } from 'node:readline';
import { styleText } from 'node:util';
import { messageOf } from '../../lib/event/errors';
import type { Console } from '../../local/console/console';

/** The console, as far as keys operate it. */
export type OperatedConsole = Pick<Console, 'status' | 'setFault' | 'actions'>;

/** Actions by keys that no fault uses. */
export const ACTION_KEYS = [
  ['r', 'redrive'],
  ['v', 'verify'],
  ['w', 'sweep'],
] as const;

type Terminal = Pick<NodeJS.ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'pause'> & NodeJS.ReadableStream;

/**
 * Takes faults and actions by single keys of a terminal; `interrupt` is called for `q` and Ctrl-C. Without a terminal
 * it does nothing. Returns a function that gives the terminal back.
 */
export function listenToKeys(
  input: Terminal,
  shown: OperatedConsole,
  { print, interrupt }: { readonly print: (text: string) => void; readonly interrupt: () => void },
): () => void {
  if (!input.isTTY) return () => undefined;
  emitKeypressEvents(input);
  input.setRawMode(true);
  const onKey = (_: string | undefined, key: { readonly name?: string; readonly ctrl?: boolean }): void => {
    if (key.name === 'q' || (key.ctrl === true && key.name === 'c')) {
      interrupt();
      return;
    }
    act(shown, key.name, print).catch((error: unknown) => print(styleText('red', messageOf(error))));
  };
  input.on('keypress', onKey);
  return () => {
    input.off('keypress', onKey);
    input.setRawMode(false);
    input.pause();
  };
}

async function act(shown: OperatedConsole, key: string | undefined, print: (text: string) => void): Promise<void> {
  const fault = shown.status().faults.find(({ shortcut }) => shortcut === key);
  if (fault !== undefined) {
    print(styleText('yellow', `${fault.isOn ? 'End of: ' : ''}${fault.label}`));
    await shown.setFault(fault.name, !fault.isOn);
    for (const { text } of faultOf(shown, fault.name)?.effects ?? []) print(`  … ${text}`);
    if (fault.lasts && !fault.isOn) print(`Press ${fault.shortcut} again to end it.`);
    return;
  }
  const name = ACTION_KEYS.find(([shortcut]) => shortcut === key)?.[1];
  const action = shown.actions.find((each) => each.name === name);
  if (action === undefined) return;
  const plan = await action.plan({ why: 'tried in the demo' });
  print(styleText('cyan', plan.command));
  for (const line of await plan.run()) print(`  ${line}`);
}

const faultOf = (shown: OperatedConsole, name: string) => shown.status().faults.find((each) => each.name === name);

/** Returns a function that returns a line for each expected effect that was seen since its last call. */
export function seenEffects(shown: Pick<Console, 'status'>): () => string[] {
  const reported = new Set<string>();
  return () =>
    shown.status().faults.flatMap(({ name, sinceMs = 0, effects }) =>
      effects.flatMap(({ text, seenAfterMs }) => {
        const id = `${name} ${sinceMs} ${text}`;
        if (seenAfterMs === undefined || reported.has(id)) return [];
        reported.add(id);
        return [`  ${styleText('green', '✓')} ${text} (after ${(seenAfterMs / 1_000).toFixed(1)} s)`];
      }),
    );
}
