import { columns, count, duration } from './format';

/** Something that waits for a reason. */
export interface Reasoned {
  readonly reason: string;
  /** What failed, as a text. */
  readonly message: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** As many messages of a reason, and as many reasons, as a person can read. */
const MOST_MESSAGES = 3;
const MOST_REASONS = 20;

/** A list that a person reads line by line needs no groups. */
const SHORT = 20;

/**
 * A long list by its reasons: how many, the longest since when, and what was answered. A short one has no lines, and
 * shows its messages one by one.
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
