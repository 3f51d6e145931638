import { createHash, randomBytes } from 'node:crypto';

/** A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, version, variant and 74 random bits. Sorts by time. */
export const uuidV7 = (epochMs: number): string => format(epochMs, randomBytes(10));

/** A UUIDv7 whose random part is derived from `seed`: the same time and seed always give the same id. */
export const derivedUuidV7 = (epochMs: number, seed: string): string =>
  format(epochMs, createHash('sha256').update(seed).digest().subarray(0, 10));

/** A UUIDv8 (RFC 9562) derived from `seed`, without a time. */
export function derivedUuidV8(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const UUID_V7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** The time of a UUIDv7 in lower or upper case, in epoch milliseconds; `undefined` for any other text. */
export function epochMsOfUuidV7(uuid: string): number | undefined {
  const [, high = '', low = ''] = UUID_V7.exec(uuid) ?? [];
  return high === '' ? undefined : Number.parseInt(high + low, 16);
}

function format(epochMs: number, tail: Buffer): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(epochMs, 0, 6);
  tail.copy(bytes, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
