import type { Control } from '../../event/control';
import type { Image, ItemKey } from '../../event/item';
import { isOpen, itemStateOf } from '../../event/item-state';
import { positionKey, positionOfVersion, positionRuns, versionOfPosition } from '../../event/position';
import { keyReader } from '../../relay/dynamodb/keys';
import { wait } from '../../timing/wait';
import type { OutboxTarget } from '../target';

/** Versions of a key that are not in the table, between two that are. */
export interface MissingVersions {
  readonly pk: string;
  readonly from: number;
  readonly to: number;
}

/** How many candidates are kept, and how many positions of each are read again. */
const CANDIDATES = 1_000;
const POSITIONS = 100;
/** A wider hole means versions that are not dense, such as times. */
const MAX_WIDTH = 1_000;

interface LastSeen {
  readonly version: number;
  /** The item cannot have expired, so later items of the key cannot have expired either. */
  readonly isKept: boolean;
}

/**
 * Finds the versions that are missing between those of a key, in memory that does not grow with the table.
 *
 * The items of a key expire in the order in which they were processed. A missing version is therefore a hole only if
 * the version before it has not expired yet.
 */
export class MissingVersionFinder {
  readonly #nowSeconds: number;
  readonly #last = new Map<string, LastSeen>();
  readonly #candidates: MissingVersions[] = [];
  #more = 0;

  constructor(nowMs: number) {
    this.#nowSeconds = nowMs / 1000;
  }

  /** The items of a key must come in the order of their positions. */
  see(image: Image): void {
    const version = versionOfPosition(image['sk']?.S ?? '');
    if (version === undefined) return;
    const pk = image['pk']?.S ?? '';
    const last = this.#last.get(pk);
    const { state, expiresAtSeconds } = itemStateOf(image);
    const isKept = isOpen(state) || (expiresAtSeconds !== undefined && expiresAtSeconds > this.#nowSeconds);
    this.#last.set(pk, { version, isKept });
    if (last === undefined || version <= last.version + 1 || !last.isKept) return;
    if (version - last.version > MAX_WIDTH) return;
    if (this.#candidates.length < CANDIDATES) this.#candidates.push({ pk, from: last.version + 1, to: version - 1 });
    else this.#more++;
  }

  /** Drops the state of the other keys: a scan shows one key after the other. */
  forgetOthers(pk: string): void {
    for (const other of this.#last.keys()) if (other !== pk) this.#last.delete(other);
  }

  /** Returns the versions that are still missing after a second read of items of other times, recorded gaps and skips. */
  async confirmed(
    target: OutboxTarget,
    { tombstones }: Pick<Control, 'tombstones'>,
  ): Promise<{ readonly missingVersions: readonly MissingVersions[]; readonly unread: number }> {
    const reader = keyReader(target, wait);
    const skipped = new Set([...tombstones].map((identity) => identity.split('\n').slice(0, 2).join('\n')));
    const missingVersions: MissingVersions[] = [];
    for (const hole of this.#candidates) {
      const positions = positionsOf(hole);
      const { stored, unfinished } = await reader.lookUpTransacted(positions);
      const missing = positions.filter(({ pk, sk }) => {
        const position = positionKey(pk, sk);
        return !stored.has(position) && !skipped.has(position) && !unfinished.has(position);
      });
      for (const { from, to } of positionRuns(missing.map(({ sk }) => sk))) {
        missingVersions.push({ pk: hole.pk, from: versionOfPosition(from) ?? 0, to: versionOfPosition(to) ?? 0 });
      }
    }
    return { missingVersions, unread: this.#more };
  }
}

const positionsOf = ({ pk, from, to }: MissingVersions): ItemKey[] =>
  Array.from({ length: Math.min(POSITIONS, to - from + 1) }, (_, at) => ({ pk, sk: positionOfVersion(from + at) }));
