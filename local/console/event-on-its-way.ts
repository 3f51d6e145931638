import type { ItemStateName } from '../../lib/event/item-state';

/** The stations that an event has passed, in their order. */
export type Stage = 'table' | 'kafka' | 'applied';

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

/** Whether an event has come to its end: its effect, or its topic if that has no consumer in `consumed`. */
export const isAtItsEnd = ({ stage, state, topic }: EventOnItsWay, consumed: ReadonlySet<string>): boolean =>
  state === 'discarded' || stage === 'applied' || (stage === 'kafka' && !consumed.has(topic));
