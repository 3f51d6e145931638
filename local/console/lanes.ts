import type { DynamoDBRecord } from 'aws-lambda';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { decodeControl } from '../../lib/event/control';
import { itemStateOf, type ItemStateName } from '../../lib/event/item-state';
import { CONTROL_PARTITION } from '../../lib/event/key';
import { isPosition } from '../../lib/event/position';
import type { TopicPartition } from '../../lib/event/topic-partition';
import { decodeStored } from '../../lib/relay/record';

/** Where an event is on its way. The order is the order of the way. */
export const STAGES = ['table', 'kafka', 'applied'] as const;
export type Stage = (typeof STAGES)[number];

/** One event on its way, as the page draws it. Times are epoch milliseconds. */
export interface EventOnItsWay {
  readonly id: string;
  /** `order#42` */
  readonly key: string;
  readonly type: string;
  readonly topic: string;
  readonly committedAt: number;
  stage: Stage;
  state: ItemStateName;
  /** Set once the message was seen on its topic. */
  partition?: number;
  offset?: string;
  arrivedAt?: number;
  appliedAt?: number;
  markedAt?: number;
}

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

/** How many events are remembered: enough for what a page shows. */
const KEPT = 2_000;

/**
 * Follows every event from the table to its effect, from three sources: the records of the table's stream, the messages
 * of the topics, and the reports of consumers. The sources may report in any order, and repeat themselves.
 */
export class Lanes {
  readonly #events = new Map<string, EventOnItsWay>();
  readonly #waiting = new Map<string, WaitingKey>();
  /** Arrivals and effects that were reported before the record of their event. */
  readonly #early = new Map<string, ((event: EventOnItsWay) => void)[]>();
  readonly #changed = new Set<string>();
  readonly #consumed: ReadonlySet<string>;
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

  /** The events that changed since the last call. */
  takeChanged(): EventOnItsWay[] {
    const changed = [...this.#changed].flatMap((id) => this.#events.get(id) ?? []);
    this.#changed.clear();
    return changed;
  }

  /** Everything that is remembered, for a page that has just been opened. */
  all(): EventOnItsWay[] {
    return [...this.#events.values()];
  }

  waiting(): WaitingKey[] {
    return [...this.#waiting.values()];
  }

  /** Events that have not come to the end of their way. */
  unfinished(): number {
    return [...this.#events.values()].filter((event) => !this.#isFinished(event)).length;
  }

  #isFinished({ stage, state, topic }: EventOnItsWay): boolean {
    return state === 'discarded' || stage === 'applied' || (stage === 'kafka' && !this.#consumed.has(topic));
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
      this.#changed.add(id);
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
  /** Sort keys of the holds, because the record of a deletion has no other attribute. */
  readonly #holds = new Map<string, { readonly sk: string }>();

  #with(id: string, change: (event: EventOnItsWay) => void): void {
    const event = this.#events.get(id);
    if (event === undefined) {
      this.#early.set(id, [...(this.#early.get(id) ?? []), change]);
      if (this.#early.size > KEPT) this.#early.delete([...this.#early.keys()][0] ?? '');
      return;
    }
    change(event);
    this.#changed.add(id);
  }

  /** The oldest finished event, or the oldest one if none is finished. */
  #forgetOldest(): void {
    if (this.#events.size <= KEPT) return;
    let oldest: string | undefined;
    for (const [id, event] of this.#events) {
      oldest ??= id;
      if (!this.#isFinished(event)) continue;
      oldest = id;
      break;
    }
    if (oldest !== undefined) this.#events.delete(oldest);
  }
}
