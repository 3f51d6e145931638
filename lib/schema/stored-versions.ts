import type { EventCatalogue } from '../event/catalogue';
import { FIRST_VERSION, oldestReadable } from '../event/event-version';

/** Number of events of one `ce_type` in a table, by state. */
export interface StoredType {
  readonly ceType: string;
  /** Not yet published. */
  readonly pending: number;
  /** Published once an operator releases them. */
  readonly parked: number;
  /** Published. A replay can publish them again until they expire. */
  readonly processed: number;
}

/** The same counts, matched with a catalogue. */
export interface JudgedType extends StoredType {
  /** Missing if the catalogue does not have the type: another catalogue may have it. */
  readonly type?: string;
  readonly version?: number;
  /** Whether a consumer with this catalogue can read these events. */
  readonly isReadable: boolean;
}

/** Matches a table's contents with a catalogue. An unknown type is no error: a table may have several catalogues. */
export const judgeStored = (catalogue: EventCatalogue, stored: readonly StoredType[]): readonly JudgedType[] =>
  stored.map((each) => {
    const { type, version, definition } = catalogue.resolve(each.ceType) ?? {};
    if (type === undefined || version === undefined || definition === undefined) return { ...each, isReadable: false };
    const isReadable = version >= oldestReadable(definition) && version <= (definition.version ?? FIRST_VERSION);
    return { ...each, type, version, isReadable };
  });
