import { columns, count, duration } from './format';

/** An entry of a list with its reason, such as a held key. */
export interface Reasoned {
  readonly reason: string;
  /** The failure as text. */
  readonly message: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** As many messages of a reason, and as many reasons, as a person can read. */
const MOST_MESSAGES = 3;
const MOST_REASONS = 20;

/** A person reads a list of this length line by line: it needs no groups. */
const SHORT = 20;

/**
 * Groups a long list by reason: how many entries, the age of the oldest, and the messages. A short list has no group
 * lines, and its messages are shown one by one.
 */
export class Groups {
  readonly #shown = new Set<string>();
  readonly #lines: readonly string[];

  constructor(all: readonly Reasoned[], noun: string, now: number) {
    if (all.length <= SHORT) {
      this.#lines = [];
      return;
    }
    const groups = [...Map.groupBy(all, ({ reason }) => reason)].toSorted(([, a], [, b]) => b.length - a.length);
    const rest = groups.slice(MOST_REASONS).reduce((sum, [, { length }]) => sum + length, 0);
    this.#lines = [
      ...groups.slice(0, MOST_REASONS).flatMap(([reason, members]) => this.#group(reason, members, noun, now)),
      ...(rest === 0 ? [] : [`  ${count(rest, noun)} for other reasons`]),
      '',
    ];
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Whether the lines have this message already. */
  shows({ reason, message }: Pick<Reasoned, 'reason' | 'message'>): boolean {
    return this.#shown.has(`${reason} ${message}`);
  }

  #group(reason: string, members: readonly Reasoned[], noun: string, now: number): string[] {
    const oldest = members.reduce((least, { since }) => Math.min(least, since), Infinity);
    const messages = [...Map.groupBy(members, ({ message }) => message)].toSorted(
      ([, a], [, b]) => b.length - a.length,
    );
    for (const [message] of messages.slice(0, MOST_MESSAGES)) this.#shown.add(`${reason} ${message}`);
    const others = messages.length - MOST_MESSAGES;
    return [
      ...columns([[reason, count(members.length, noun), `the longest for ${duration(now - oldest)}`]]),
      ...messages
        .slice(0, MOST_MESSAGES)
        .filter(([message]) => message !== reason)
        .map(([message, { length }]) => `    ${length === members.length ? '' : `${length}: `}${message}`),
      ...(others > 0 ? [`    and ${count(others, 'other message')}`] : []),
    ];
  }
}
