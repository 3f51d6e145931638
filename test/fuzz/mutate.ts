import type { Random } from '../../lib/testing/random';

const NAMES = ['__proto__', 'constructor', 'toString', 'S', 'N', 'B', 'M', 'L', 'NULL', 'id', 'sk', 'events', ''];
const NUMBERS = [0, -0, -1, 1, 0.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e308, 8.64e15, 8.64e15 + 1];
const TEXTS = [
  ...[
    '',
    ' ',
    '0',
    '-0',
    '1e400',
    'NaN',
    'Infinity',
    'null',
    '\u0000',
    '\ud800',
    '\udfff\ud800',
    '\u{1f600}',
    'é',
    '#',
  ],
  ...['order#', '~signal#', '0000000000000001', '9007199254740992', 'ffffffff-ffff-7fff-bfff-ffffffffffff'],
  ...['2026-13-01T00:00:00Z', '+275760-09-13T00:00:00.001Z', 'a=b,c=d', '../x', 'a-1@2', '@', '=', 'AA=', 'H4sIAAAA'],
];
const MAX_REPEATED = 3_000;
const MAX_DEPTH = 60;
/** As long as the largest item of DynamoDB. */
const MAX_LENGTH = 400_000;

/** A value near `seed`: a few of its parts are changed, removed, repeated or replaced. Never changes `seed`. */
export function mutate(random: Random, seed: unknown): unknown {
  let value = seed;
  for (let changes = 1 + random.integer(3); changes > 0; changes--) value = changed(random, value, 0);
  return value;
}

function changed(random: Random, value: unknown, depth: number): unknown {
  const isContainer = typeof value === 'object' && value !== null;
  if (!isContainer || random.chance(depth === 0 ? 0.02 : 0.15)) return replaced(random, value);
  if (Array.isArray(value)) return changedList(random, value, depth);
  const entries = Object.entries(value);
  const at = random.integer(entries.length);
  const [name, part] = entries[at] ?? ['', undefined];
  const action = random.integer(10);
  if (action === 0) entries.splice(at, 1);
  else if (action === 1) entries.push([random.pick(NAMES) ?? '', replaced(random, part)]);
  else if (action === 2) entries[at] = [textNear(random, name), part];
  else entries[at] = [name, changed(random, part, depth + 1)];
  return Object.fromEntries(entries);
}

function changedList(random: Random, list: readonly unknown[], depth: number): unknown[] {
  const at = random.integer(list.length);
  const action = random.integer(6);
  if (action === 0) return list.filter((_, index) => index !== at);
  if (action === 1) return [...list, list[at]];
  if (action === 2) return list.toReversed();
  if (action === 3 && random.chance(0.1)) return Array.from({ length: MAX_REPEATED }, () => list[at]);
  return list.map((part, index) => (index === at ? changed(random, part, depth + 1) : part));
}

function replaced(random: Random, value: unknown): unknown {
  if (typeof value === 'string' && random.chance(0.7)) return textNear(random, value);
  if (typeof value === 'number' && random.chance(0.5)) return value + random.integer(3) - 1;
  switch (random.integer(9)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick(NUMBERS);
    case 3:
      return random.pick(TEXTS);
    case 4:
      return [value];
    case 5:
      return { [random.pick(NAMES) ?? '']: value };
    case 6:
      return random.chance(0.1) ? nested(random, value) : [];
    case 7:
      return {};
    default:
      return String(random.next());
  }
}

function nested(random: Random, value: unknown): unknown {
  let outer = value;
  for (let depth = random.integer(MAX_DEPTH); depth > 0; depth--) outer = random.chance(0.5) ? [outer] : { M: outer };
  return outer;
}

/** A text with a part removed, repeated or replaced. */
export const textNear = (random: Random, text: string): string => changedText(random, text).slice(0, MAX_LENGTH);

function changedText(random: Random, text: string): string {
  const at = random.integer(text.length + 1);
  const to = at + random.integer(text.length - at + 1);
  switch (random.integer(7)) {
    case 0:
      return text.slice(0, at) + text.slice(to);
    case 1:
      return text.slice(0, at) + text.slice(at, to).repeat(1 + random.integer(random.chance(0.05) ? 2_000 : 3));
    case 2:
      return random.pick(TEXTS) ?? '';
    case 3:
      return text.slice(0, at) + String.fromCharCode(random.integer(0x1_0000)) + text.slice(at);
    case 4:
      return text.slice(0, at) + String.fromCharCode(random.integer(128)) + text.slice(at + 1);
    case 5:
      return text.toUpperCase();
    default:
      return text.slice(0, at) + (random.pick(TEXTS) ?? '') + text.slice(to);
  }
}
