const SEQUENCE = /^(\d{16})\.(\d{4})$/;

/** A parsed `ce_sequence`: the aggregate's version, and the event's index within its key and transaction. */
export interface Sequence {
  readonly version: number;
  readonly index: number;
}

/** `undefined` if the text is not `<16-digit version>.<4-digit index>`, or its version is no safe integer. */
export function parseSequence(text: string): Sequence | undefined {
  const [, version, index] = SEQUENCE.exec(text) ?? [];
  if (version === undefined || index === undefined || !Number.isSafeInteger(Number(version))) return undefined;
  return { version: Number(version), index: Number(index) };
}

/** Zero-padded, so that the text order is the order of the events. */
export const formatSequence = ({ version, index }: Sequence): string =>
  `${String(version).padStart(16, '0')}.${String(index).padStart(4, '0')}`;
