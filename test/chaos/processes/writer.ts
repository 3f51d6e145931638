import { randomUUID } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import { createOutbox, OutboxError, type TransactionAction } from '../../../lib';
import { Random } from '../../../lib/testing/random';
import {
  AGGREGATE,
  hasVersions,
  KEYS,
  REQUEST_LIMITS,
  TABLE,
  TOPIC,
  written,
  type WrittenEvent,
  type WrittenType,
} from '../world/load';
import type { WriterLine, WriterOptions, WriterReport } from './writer-options';

const REPORT_MS = 1_000;
const ATTEMPTS = 10;
const RETRY_MS = { from: 50, below: 400 } as const;

/** More than a topic accepts whose limit is lowered, and less than the others accept. */
const LARGE_TEXT_CHARS = 150_000;

/** A transaction whose outcome is known: written, or not written. */
type Outcome = 'written' | 'refused' | 'unknown';

/**
 * A service that commits business data and events. It logs each transaction before it sends it and after its outcome is
 * known, so that a judge knows what was promised even if this process is killed.
 */
class Writer {
  readonly #options: WriterOptions;
  readonly #log: number;
  readonly #client: DynamoDBDocument;
  readonly #outbox: ReturnType<typeof this.open>;
  readonly #versions = new Map<string, number>();
  #lastCommitAt = 0;
  /** Events that were committed since the last report. */
  #committed = 0;
  #isStopped = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#log = openSync(options.log, 'a');
    const config = { ...options.clientConfig, maxAttempts: 2, requestHandler: REQUEST_LIMITS };
    this.#client = DynamoDBDocument.from(new DynamoDBClient(config));
    this.#outbox = this.open();
  }

  private open() {
    return createOutbox({
      ...{ tableName: this.#options.tableName, service: 'chaos', region: 'eu-west-1', events: written },
      clock: { now: () => Date.now() + this.#options.skewMs },
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Writes until it is stopped, in several transactions at a time that share no key. */
  async run(): Promise<void> {
    const report = (): void => {
      process.send?.({ committed: this.#committed } satisfies WriterReport);
      this.#committed = 0;
    };
    const reports = setInterval(report, REPORT_MS);
    await Promise.all(Array.from({ length: this.#options.loops }, (_, loop) => this.#write(loop)));
    clearInterval(reports);
    report();
    this.#client.destroy();
    process.disconnect();
  }

  async #write(loop: number): Promise<void> {
    const { seed, slot, slots, loops, pauseMs } = this.#options;
    const random = new Random(seed * 7_919 + slot * 101 + loop);
    const mine = (count: number): number[] =>
      Array.from({ length: count }, (_, n) => n).filter((n) => n % (slots * loops) === slot * loops + loop);
    const keys = { hot: mine(KEYS.hot), cold: mine(KEYS.cold) };
    while (!this.#isStopped) {
      // As random arrivals, not in step.
      await sleep(2 * pauseMs * random.next());
      if (random.chance(this.#options.rates.foreign)) await this.#import(random, loop);
      else await this.#transact(random, this.#chooseKeys(random, keys));
    }
  }

  #chooseKeys(random: Random, { hot, cold }: { readonly hot: readonly number[]; readonly cold: readonly number[] }) {
    if (random.chance(0.03)) return [`shared-${random.integer(KEYS.shared)}`];
    const one = (): string => (random.chance(0.7) ? `hot-${random.pick(hot) ?? 0}` : `cold-${random.pick(cold) ?? 0}`);
    return [...new Set(random.chance(0.15) ? [one(), one(), one()] : [one()])];
  }

  async #transact(random: Random, keys: readonly string[]): Promise<void> {
    const requestId = randomUUID();
    // Two commits of a key without versions never have the same time.
    this.#lastCommitAt = Math.max(Date.now() + this.#options.skewMs, this.#lastCommitAt + 1);
    const committedAt = this.#lastCommitAt;
    try {
      const changes = await Promise.all(keys.map((key) => this.#change(random, key)));
      const prepared = await Promise.all(
        changes.map(({ aggregate, events }) => this.#outbox.items(aggregate, events, { requestId, committedAt })),
      );
      const commits = prepared.map(([action]) => commitOf(action));
      this.#note({ kind: 'intent', requestId, at: Date.now(), commits });
      const actions = changes.map(({ business }) => business);
      const transaction = {
        ...{ actions, requestId, committedAt },
        changes: changes.map(({ aggregate, events }) => ({ ...aggregate, events })),
      };
      const outcome = await this.#send(() => this.#outbox.transact(this.#client, transaction));
      if (outcome !== 'unknown') this.#note({ kind: outcome, requestId });
      if (outcome === 'written') this.#committed += commits.reduce((sum, { events }) => sum + events.length, 0);
      for (const { aggregate } of changes) {
        if (outcome === 'written' && aggregate.version !== undefined) {
          this.#versions.set(aggregate.key, aggregate.version);
        } else this.#versions.delete(aggregate.key);
      }
    } catch (error) {
      // The version of a key could not be read.
      this.#note({ kind: 'failed', why: String(error) });
    }
  }

  async #send(call: () => Promise<unknown>): Promise<Outcome> {
    let isUncertain = false;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        await call();
        if (attempt > 1) this.#note({ kind: 'retried' });
        return 'written';
      } catch (error) {
        if (!(error instanceof OutboxError)) throw error;
        isUncertain ||= error.is('outcome-unknown') || error.is('transaction-in-progress');
        if (error.is('version-conflict') || error.is('condition-failed')) this.#note({ kind: 'conflict' });
        if (!error.retryable) return isUncertain ? 'unknown' : 'refused';
      }
      if (this.#isStopped && attempt > 3) break;
      await sleep(RETRY_MS.from + RETRY_MS.below * Math.random());
    }
    return isUncertain ? 'unknown' : 'refused';
  }

  async #change(random: Random, key: string) {
    const version = hasVersions(key) ? (await this.#versionOf(key)) + 1 : undefined;
    const count = random.chance(0.25) ? 2 + random.integer(3) : 1;
    const events = Array.from({ length: count }, () => this.#event(random));
    const audited = Array.from({ length: random.integer(this.#options.audited + 1) }, () => this.#audited(random));
    return {
      aggregate: { aggregate: AGGREGATE.written, key, ...(version === undefined ? {} : { version }) },
      events: random.chance(0.5) ? [...events, ...audited] : [...audited, ...events],
      business: businessOf(key, version),
    };
  }

  #event(random: Random): WrittenEvent {
    const { rates } = this.#options;
    const n = random.integer(1_000);
    const event = (type: WrittenType, data: object): WrittenEvent => ({ type, data }) as WrittenEvent;
    if (random.chance(rates.misaddressed)) return event('order.misaddressed', { n });
    if (random.chance(rates.large)) {
      return event(random.chance(0.5) ? 'order.archived' : 'order.paid', { n, text: incompressible(random) });
    }
    const types: readonly WrittenType[] = ['order.placed', 'order.placed', 'order.paid', 'order.archived'];
    const type = random.pick(types) ?? 'order.placed';
    const isUnreadable = type !== 'order.archived' && random.chance(rates.unreadable);
    return event(type, { n: isUnreadable ? `number ${n}` : n });
  }

  #audited(random: Random): WrittenEvent {
    return { type: 'order.audited', data: { n: random.integer(1_000) } };
  }

  async #versionOf(key: string): Promise<number> {
    // Another process may have changed a shared key.
    const known = key.startsWith('shared') ? undefined : this.#versions.get(key);
    if (known !== undefined) return known;
    const { Item } = await this.#client.get({ TableName: TABLE.business, Key: { id: key }, ConsistentRead: true });
    return Number(Item?.['version'] ?? 0);
  }

  /** As a program in another language does, by the documented format: without the library, and sometimes wrongly. */
  async #import(random: Random, loop: number): Promise<void> {
    const { slot, tableName, region, rates } = this.#options;
    const key = `${slot}-${loop}-${random.integer(20)}`;
    const pk = `${AGGREGATE.foreign}#${key}`;
    const id = randomUUID();
    const isMalformed = random.chance(rates.malformed);
    const event = { id, type: 'order.archived', topic: TOPIC.archive, data: '{"n":1}' };
    try {
      const version = (await this.#versionOf(pk)) + 1;
      const sk = String(version).padStart(16, '0');
      const item = { pk, sk, id, source: '/import', region, committedAt: Date.now() };
      const requestId = randomUUID();
      if (isMalformed) this.#note({ kind: 'malformed' });
      else {
        const commits = [{ key: pk, position: sk, events: [{ id, topic: TOPIC.archive }] }];
        this.#note({ kind: 'intent', requestId, at: Date.now(), commits });
      }
      await this.#client.transactWrite({
        ClientRequestToken: requestId,
        TransactItems: [
          {
            Put: {
              TableName: tableName,
              Item: { ...item, events: isMalformed ? [{ ...event, topic: 'no topic!' }] : [event] },
              ConditionExpression: 'attribute_not_exists(pk)',
            },
          },
          businessOf(pk, version),
        ],
      });
      if (!isMalformed) this.#note({ kind: 'written', requestId });
    } catch {
      // Its outcome is unknown, and it is not repeated.
    }
  }

  #note(line: WriterLine): void {
    writeSync(this.#log, `${JSON.stringify(line)}\n`);
  }
}

const incompressible = (random: Random): string =>
  Array.from({ length: LARGE_TEXT_CHARS / 6 }, () =>
    Math.floor(random.next() * 36 ** 6)
      .toString(36)
      .padStart(6, '0'),
  ).join('');

const businessOf = (id: string, version: number | undefined): TransactionAction => ({
  Update: {
    ...{ TableName: TABLE.business, Key: { id } },
    ...(version === undefined
      ? { UpdateExpression: 'ADD changes :one', ExpressionAttributeValues: { ':one': 1 } }
      : {
          UpdateExpression: 'SET version = :next',
          ConditionExpression: version === 1 ? 'attribute_not_exists(version)' : 'version = :known',
          ExpressionAttributeValues: { ':next': version, ...(version === 1 ? {} : { ':known': version - 1 }) },
        }),
  },
});

function commitOf(action: TransactionAction | undefined) {
  const { pk, sk, events } = action?.Put?.Item as {
    readonly pk: string;
    readonly sk: string;
    readonly events: readonly { readonly id: string; readonly topic?: string }[];
  };
  const [first] = events;
  return {
    ...{ key: pk, position: sk },
    events: events.map(({ id, topic = first?.topic ?? '' }) => ({ id, topic })),
  };
}

const writer = new Writer(JSON.parse(process.argv[2] ?? '{}') as WriterOptions);
process.on('SIGTERM', () => writer.stop());
void writer.run();
