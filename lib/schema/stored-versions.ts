import type { EventCatalogue } from '../event/catalogue';
import { FIRST_VERSION, oldestReadable } from '../event/event-version';

/** How many events of a `ce_type` a table holds, by what may still become of them. */
export interface StoredType {
  readonly ceType: string;
  /** Not yet published. */
  readonly pending: number;
  /** Published when an operator releases them. */
  readonly parked: number;
  /** Published; can be published again by a replay until they expire. */
  readonly processed: number;
}

/** The same, with what the catalogue says to it. */
export interface JudgedType extends StoredType {
  /** Left out for a type that the catalogue does not have: another one may. */
  readonly type?: string;
  readonly version?: number;
  /** Whether a consumer with this catalogue can read them. */
  readonly isReadable: boolean;
}

/** What a table holds, for a catalogue. Types that it does not have are nobody's fault: a table may have several catalogues. */
export const judgeStored = (catalogue: EventCatalogue, stored: readonly StoredType[]): readonly JudgedType[] =>
  stored.map((each) => {
    const { type, version, definition } = catalogue.resolve(each.ceType) ?? {};
    if (type === undefined || version === undefined || definition === undefined) return { ...each, isReadable: false };
    const isReadable = version >= oldestReadable(definition) && version <= (definition.version ?? FIRST_VERSION);
    return { ...each, type, version, isReadable };
  });
