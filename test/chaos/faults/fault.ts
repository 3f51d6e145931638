import type { Random } from '../../../lib/testing/random';
import type { World } from '../world/world';

export const GROUPS = ['brokers', 'relay', 'database', 'stream', 'services', 'operator'] as const;
export type FaultGroup = (typeof GROUPS)[number];

export interface FaultContext {
  readonly world: World;
  readonly random: Random;
}

/** Something that goes wrong in a run. */
export interface ChaosFault {
  readonly name: string;
  readonly group: FaultGroup;
  readonly title: string;
  /** Why it cannot be applied in this world; left out if it always can. */
  readonly unavailable?: (world: World) => string | undefined;
  /**
   * Applies it, and resolves when it is over and repaired: with `false` if there was nothing that it could happen to,
   * so that it does not count as applied, or with a number if it has consequences for so many milliseconds more.
   */
  apply(context: FaultContext): Promise<unknown>;
}

/** Does `work`, and repairs what it did in any case. Resolves with its result. */
export async function during<T>(work: () => Promise<T>, repair: () => unknown): Promise<T> {
  try {
    return await work();
  } finally {
    await repair();
  }
}
