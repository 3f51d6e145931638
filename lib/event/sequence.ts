const SEQUENCE = /^(\d{16})\.(\d{4})$/;

/** What `ce_sequence` says: the aggregate's version, and the event's place among those of its key in that transaction. */
export interface Sequence {
  readonly version: number;
  readonly index: number;
}

/** `undefined` for a text that is no `<16-digit version>.<4-digit index>`, or whose version is beyond exact numbers. */
export function parseSequence(text: string): Sequence | undefined {
  const [, version, index] = SEQUENCE.exec(text) ?? [];
  if (version === undefined || index === undefined || !Number.isSafeInteger(Number(version))) return undefined;
  return { version: Number(version), index: Number(index) };
}

/** Zero-padded, so that the order of the texts is the order of the events. */
export const formatSequence = ({ version, index }: Sequence): string =>
  `${String(version).padStart(16, '0')}.${String(index).padStart(4, '0')}`;
