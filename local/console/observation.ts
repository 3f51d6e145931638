import type { EventOnItsWay } from './event-on-its-way';

/** The facts that the console has seen since a fault began, or since it ended. */
export interface Observation {
  /** The events of the key that the fault wrote, in order of their commits. */
  readonly eventsOfKey: readonly EventOnItsWay[];
  readonly isKeyHeld: boolean;
  /** Keys that were not yet held when the fault began. */
  readonly heldKeys: number;
  /** Events that were seen on their topics, and effects, since then. */
  readonly arrived: number;
  readonly applied: number;
  /** Events that were committed and are not yet on their topic. */
  readonly unpublished: number;
  /** Events on their topic that its consumer has not applied. */
  readonly unapplied: number;
  /** Milliseconds from commit to topic of the newest arrivals, the median; 0 without any. */
  readonly latencyMs: number;
  /** Whether another process of the relay has taken over. */
  readonly hasNewRelay: boolean;
  /** Whether an alarm is red, by its id such as `item-parked`. */
  readonly isRed: (alarm: string) => boolean;
  /** The sum of a metric of the relay, of a consumer or of Lambda since then. */
  readonly sumOf: (metric: string) => number;
}

/** An effect that should be seen. */
export interface Expectation {
  readonly text: string;
  readonly isSeen: (observation: Observation) => boolean;
}

/** Enough events to say that work goes on. */
export const SOME = 15;

export const expectation = (text: string, isSeen: (observation: Observation) => boolean): Expectation => ({
  text,
  isSeen,
});

/** Whether all events of a key are on their topics, in the order of their commits in each partition. */
export function arePublishedInOrder(events: readonly EventOnItsWay[]): boolean {
  const newest = new Map<string, bigint>();
  return (
    events.length > 0 &&
    events.every(({ topic, partition, offset }) => {
      if (partition === undefined || offset === undefined) return false;
      const place = `${topic} ${partition}`;
      const isLater = BigInt(offset) > (newest.get(place) ?? -1n);
      newest.set(place, BigInt(offset));
      return isLater;
    })
  );
}
