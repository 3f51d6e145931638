import type { ConsistencyToken } from '../../../lib/consumer';
import { OutboxError, type OutboxErrorCode } from '../../../lib/event/errors';
import { formatSequence, parseSequence, type Sequence } from '../../../lib/event/position';
import { aRecord, aRig, feed, type Rig } from '../../builders/consume';
import { isMap } from '../attributes';
import { mutate, textNear } from '../mutate';
import { expectSame, type Target } from '../target';

interface Question {
  readonly token: unknown;
  /** The topics that the caller asks about, if not all of the token's. */
  readonly topics?: unknown;
  readonly sequences: readonly string[];
}

/** More than the inbox remembers of a key. */
const VERSIONS = 20;
const SOURCE = '/shop/order';
const sequenceOf = (version: number): string => formatSequence({ version, index: 0 });
const idOf = (version: number): string => `42:${sequenceOf(version)}`;

const tokenOf = (version: number): ConsistencyToken => ({
  ...{ aggregate: 'order', key: '42', source: SOURCE, position: String(version).padStart(16, '0') },
  topics: { orders: { id: idOf(version), sequence: sequenceOf(version) } },
});
const withoutVersion: ConsistencyToken = { ...tokenOf(1), key: 'plain', topics: { orders: { id: 'plain' } } };
const TOKENS = [
  ...[1, 10, VERSIONS, VERSIONS + 1].map(tokenOf),
  withoutVersion,
  { ...tokenOf(VERSIONS), topics: { ...tokenOf(VERSIONS).topics, audit: { id: 'audit' } } },
];

/** What the consumer has applied: topic, source, key, id and sequence of each event. */
const APPLIED = new Set([
  ...Array.from({ length: VERSIONS }, (_, at) => placeOf(['orders', SOURCE, '42', idOf(at + 1), sequenceOf(at + 1)])),
  placeOf(['orders', SOURCE, 'plain', 'plain', undefined]),
]);

function placeOf(parts: readonly unknown[]): string {
  return JSON.stringify(parts);
}

/** Read by every input, and changed by none. */
let rig: Promise<Rig> | undefined;

async function aUsedRig(): Promise<Rig> {
  const used = aRig();
  for (let version = 1; version <= VERSIONS; version++) await feed(used, [aRecord({ version })]);
  await feed(used, [aRecord({ key: 'plain', id: 'plain' })]);
  return used;
}

/** A service receives a token from its client: a malformed one is refused, and none shows a write that is not applied. */
export const token: Target = {
  name: 'token',
  input: (random): Question => ({
    token: random.chance(0.9) ? mutate(random, random.pick(TOKENS)) : random.pick(TOKENS),
    ...(random.chance(0.7) ? {} : { topics: random.chance(0.5) ? ['orders'] : mutate(random, ['orders', 'audit']) }),
    sequences: [1, 2].map(() => textNear(random, sequenceOf(random.integer(1_000)))),
  }),
  async run(input) {
    const { token: given, topics, sequences } = input as Question;
    compareSequences(sequences);
    const { consumer } = await (rig ??= aUsedRig());
    const asked = [given, topics] as [ConsistencyToken, string[] | undefined];
    const waiting = { timeoutMs: 0, topics: asked[1] };
    const isApplied = await outcomeOf(() => consumer.isApplied(...asked));
    const lag = await outcomeOf(() => consumer.lag(...asked));
    const waited = await outcomeOf(() => consumer.waitUntilApplied(asked[0], waiting).then(() => true));
    if (typeof isApplied === 'string') {
      expectSame('The refusal by lag', lag, isApplied);
      expectSame('The refusal by waitUntilApplied', waited, isApplied);
      if (isApplied !== 'invalid-option') throw new Error(`isApplied refuses with ${isApplied}.`);
      return isApplied;
    }
    if (typeof lag === 'string') throw new Error(`lag refuses with ${lag}.`);
    expectSame(
      'The result of lag',
      lag.every((each) => each.isApplied),
      isApplied,
    );
    if (waited !== (isApplied ? true : 'not-applied-in-time') && (isApplied || waited !== 'no-longer-known')) {
      throw new Error(`isApplied returns ${isApplied}, and waitUntilApplied ${waited}.`);
    }
    for (const { topic, isApplied: isIt } of lag) if (isIt) expectWasApplied(asked[0], topic);
    return isApplied ? 'applied' : 'not applied';
  },
};

async function outcomeOf<T>(call: () => Promise<T>): Promise<T | OutboxErrorCode> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof OutboxError) return error.code as OutboxErrorCode;
    throw error;
  }
}

function expectWasApplied({ source, key, topics }: ConsistencyToken, topic: string): void {
  const last: unknown = Object.entries(topics).find(([name]) => name === topic)?.[1];
  const { id, sequence } = isMap(last) ? last : {};
  const place = placeOf([topic, source, key, id, sequence]);
  if (!APPLIED.has(place)) throw new Error(`${place} counts as applied.`);
}

/** Two sequences have the same order as texts and as numbers, because the inbox compares the texts. */
function compareSequences(texts: readonly string[]): void {
  const parsed = texts.flatMap((text) => parseSequence(text) ?? []);
  const [one, other] = parsed;
  if (one === undefined || other === undefined) return;
  expectSame('The sequences that are written again', parsed.map(formatSequence), texts);
  const [oneText = '', otherText = ''] = texts;
  expectSame('The order of two sequences', Math.sign(orderOf(one, other)), orderOfTexts(oneText, otherText));
}

const orderOf = (one: Sequence, other: Sequence): number => one.version - other.version || one.index - other.index;
const orderOfTexts = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);
