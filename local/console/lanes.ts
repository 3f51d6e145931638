import type { DynamoDBRecord } from 'aws-lambda';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { decodeControl } from '../../lib/event/control';
import { itemStateOf } from '../../lib/event/item-state';
import { CONTROL_PARTITION } from '../../lib/event/key';
import { isPosition } from '../../lib/event/position';
import type { TopicPartition } from '../../lib/event/topic-partition';
import { decodeStored } from '../../lib/relay/record';
import { addValue, emptySample, statisticOf } from '../cloudwatch/statistics';
import { isAtItsEnd, type EventOnItsWay } from './event-on-its-way';

/** A key whose events wait. */
export interface WaitingKey {
  readonly key: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/** The arrival of a message on its topic. */
export interface Arrival extends TopicPartition {
  readonly id: string;
  readonly offset: string;
  readonly atMs: number;
}

/** Times of events from their commit to a station. */
export interface Latency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How many events are remembered: enough for what a page shows. */
const KEPT = 2_000;

/**
 * Follows every event from the table to its effect, from three sources: the records of the table's stream, the messages
 * of the topics, and the reports of consumers. The sources may report in any order, and repeat themselves.
 */
export class Lanes {
  readonly #events = new Map<string, EventOnItsWay>();
  readonly #waiting = new Map<string, WaitingKey>();
  /** Sort keys of the holds, because the record of a deletion has no other attribute. */
  readonly #holds = new Map<string, { readonly sk: string }>();
  /** Arrivals and effects that were reported before the record of their event. */
  readonly #early = new Map<string, ((event: EventOnItsWay) => void)[]>();
  /** The revision in which each event last changed. */
  readonly #changedIn = new Map<string, number>();
  #revision = 0;
  readonly #consumed: ReadonlySet<string>;
  /** Epoch milliseconds at which the first event was seen on its topic. */
  firstArrivedAtMs?: number;
  readonly counts = { committed: 0, arrived: 0, applied: 0, marked: 0 };

  /** @param consumedTopics topics with a consumer that reports effects: only their events are to be applied */
  constructor(consumedTopics: readonly string[]) {
    this.#consumed = new Set(consumedTopics);
  }

  /** Takes records of the stream, relay writes included. */
  records(records: readonly DynamoDBRecord[]): void {
    for (const { eventName, dynamodb } of records) {
      const { Keys: keys = {}, NewImage: image = {} } = dynamodb ?? {};
      const [pk, sk] = [keys['pk']?.S ?? '', keys['sk']?.S ?? ''];
      if (pk === CONTROL_PARTITION) this.#control(sk, eventName, image as never);
      else if (isPosition(sk) && eventName !== 'REMOVE') this.#item(image);
    }
  }

  arrived({ id, partition, offset, atMs }: Arrival): void {
    this.#with(id, (event) => {
      if (event.arrivedAt !== undefined) return;
      this.counts.arrived += 1;
      this.firstArrivedAtMs ??= atMs;
      Object.assign(event, { partition, offset, arrivedAt: atMs });
      if (event.stage === 'table') event.stage = 'kafka';
    });
  }

  applied(id: string, atMs: number): void {
    this.#with(id, (event) => {
      if (event.appliedAt !== undefined) return;
      this.counts.applied += 1;
      event.appliedAt = atMs;
      event.stage = 'applied';
    });
  }

  /** The events that changed after a revision, and the revision to ask with next. 0: everything that is remembered. */
  changedAfter(revision: number): { readonly events: readonly EventOnItsWay[]; readonly revision: number } {
    const events =
      revision === this.#revision
        ? []
        : [...this.#events.values()].filter(({ id }) => (this.#changedIn.get(id) ?? 0) > revision);
    return { events, revision: this.#revision };
  }

  waiting(): WaitingKey[] {
    return [...this.#waiting.values()];
  }

  /** The events of a key that are remembered, in the order of their commits. */
  eventsOf(key: string): EventOnItsWay[] {
    return [...this.#events.values()].filter((event) => event.key === key);
  }

  /** Events that are not yet on their topic, and those there that their consumer has not applied. */
  backlog(): { readonly unpublished: number; readonly unapplied: number } {
    const open = [...this.#events.values()].filter((event) => !isAtItsEnd(event, this.#consumed));
    const unpublished = open.filter(({ stage }) => stage === 'table').length;
    return { unpublished, unapplied: open.length - unpublished };
  }

  /** Events that have not come to the end of their way. */
  unfinished(): number {
    const { unpublished, unapplied } = this.backlog();
    return unpublished + unapplied;
  }

  /** Times from the commit to the topic, or to the effect, of what came there since a time. 0 without any. */
  latency(station: 'arrivedAt' | 'appliedAt', sinceMs: number): Latency {
    const sample = emptySample();
    for (const { [station]: atMs, committedAt } of this.#events.values()) {
      if (atMs !== undefined && atMs >= sinceMs) addValue(sample, atMs - committedAt);
    }
    const percentile = (statistic: string): number => statisticOf(sample, statistic) ?? 0;
    return { count: sample.count, p50Ms: percentile('p50'), p99Ms: percentile('p99') };
  }

  #item(image: Parameters<typeof decodeStored>[0]): void {
    const decoded = decodeStored(image);
    const { state, processedAt } = itemStateOf(image);
    const [key, committedAt, events] =
      decoded.kind === 'item'
        ? [decoded.item.pk, decoded.item.committedAt, decoded.item.events]
        : [
            decoded.pk,
            Date.now(),
            [{ id: decoded.id ?? `${decoded.pk} ${decoded.sk}`, type: 'undecodable', topic: '' }],
          ];
    for (const { id, type, topic } of events) {
      let event = this.#events.get(id);
      if (event === undefined) {
        event = { id, key, type, topic, committedAt, stage: 'table', state };
        this.#events.set(id, event);
        this.counts.committed += 1;
        this.#forgetOldest();
        for (const report of this.#early.get(id) ?? []) report(event);
        this.#early.delete(id);
      }
      event.state = state;
      if (processedAt !== undefined && event.markedAt === undefined) {
        event.markedAt = processedAt;
        this.counts.marked += 1;
      }
      this.#touch(id);
    }
  }

  #control(sk: string, eventName: string | undefined, image: Parameters<typeof unmarshall>[0]): void {
    if (eventName === 'REMOVE') {
      for (const [key, { sk: stored }] of this.#holds) {
        if (stored === sk) {
          this.#holds.delete(key);
          this.#waiting.delete(key);
        }
      }
      return;
    }
    for (const [key, { reason, since }] of decodeControl([unmarshall(image)]).holds) {
      this.#holds.set(key, { sk });
      this.#waiting.set(key, { key, reason, sinceMs: since });
    }
  }

  #with(id: string, change: (event: EventOnItsWay) => void): void {
    const event = this.#events.get(id);
    if (event === undefined) {
      this.#early.set(id, [...(this.#early.get(id) ?? []), change]);
      if (this.#early.size > KEPT) this.#early.delete(this.#early.keys().next().value ?? '');
      return;
    }
    change(event);
    this.#touch(id);
  }

  #touch(id: string): void {
    this.#changedIn.set(id, (this.#revision += 1));
  }

  /** The oldest finished event, or the oldest one if none is finished. */
  #forgetOldest(): void {
    if (this.#events.size <= KEPT) return;
    let oldest: string | undefined;
    for (const [id, event] of this.#events) {
      oldest ??= id;
      if (!isAtItsEnd(event, this.#consumed)) continue;
      oldest = id;
      break;
    }
    if (oldest === undefined) return;
    this.#events.delete(oldest);
    this.#changedIn.delete(oldest);
  }
}
