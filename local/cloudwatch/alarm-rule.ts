import { ExpressionError } from './expression-error';
import type { AlarmState } from './alarm-state';

/** The rule of a composite alarm, over the states of other alarms. */
export type AlarmRule = (stateOf: (alarm: string) => AlarmState) => boolean;

const TOKEN = /\s*(?:(\()|(\))|(AND|OR|NOT|TRUE|FALSE)\b|(ALARM|OK|INSUFFICIENT_DATA)\(\s*"?([^")]+)"?\s*\))/y;

/**
 * Parses the rule of a composite alarm: `ALARM(name or ARN)`, `OK(…)`, `INSUFFICIENT_DATA(…)`, `TRUE`, `FALSE`, `NOT`,
 * `AND`, `OR` and parentheses. `AND` binds more strongly than `OR`.
 *
 * @throws ExpressionError for another form.
 */
export function parseAlarmRule(rule: string): AlarmRule {
  const tokens = tokenize(rule);
  let next = 0;
  const fail = (): never => {
    throw new ExpressionError(`The alarm rule ${rule} cannot be read at part ${next + 1}.`);
  };
  const either = (): AlarmRule => {
    const parts = [both()];
    while (tokens[next]?.word === 'OR') {
      next += 1;
      parts.push(both());
    }
    return (stateOf) => parts.some((part) => part(stateOf));
  };
  const both = (): AlarmRule => {
    const parts = [one()];
    while (tokens[next]?.word === 'AND') {
      next += 1;
      parts.push(one());
    }
    return (stateOf) => parts.every((part) => part(stateOf));
  };
  const one = (): AlarmRule => {
    const token = tokens[next] ?? fail();
    next += 1;
    const { alarm } = token;
    if (alarm !== undefined) return (stateOf) => stateOf(alarm) === token.word;
    if (token.word === 'TRUE' || token.word === 'FALSE') return () => token.word === 'TRUE';
    if (token.word === 'NOT') {
      const negated = one();
      return (stateOf) => !negated(stateOf);
    }
    if (token.word !== '(') return fail();
    const inner = either();
    if (tokens[next]?.word !== ')') fail();
    next += 1;
    return inner;
  };
  const root = either();
  return next < tokens.length ? fail() : root;
}

interface Token {
  readonly word: string;
  readonly alarm?: string;
}

function tokenize(rule: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < rule.trimEnd().length) {
    const from = TOKEN.lastIndex;
    const found = TOKEN.exec(rule);
    if (found === null)
      throw new ExpressionError(`The alarm rule ${rule} cannot be read at "${rule.slice(from).trim()}".`);
    const [, open, close, word, state, alarm] = found;
    tokens.push({ word: open ?? close ?? word ?? state ?? '', alarm });
  }
  return tokens;
}
