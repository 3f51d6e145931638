import { gunzipSync, gzipSync } from 'node:zlib';
import { errorText } from './options';

/**
 * Compressed data as the item stores it. It is a map because a relay of an earlier version, which knows only texts and
 * bytes, parks the item instead of publishing compressed bytes.
 */
export interface GzippedData {
  readonly gzip: Uint8Array;
}

/** Synchronous, because validating and encoding the data takes as long; the result depends on the version of zlib. */
export const gzipData = (data: string | Uint8Array): GzippedData => ({ gzip: gzipSync(data) });

/** The reason why stored bytes cannot be decompressed. */
export type GunzipProblem =
  | { readonly kind: 'too-large' }
  /** `message` is zlib's. */
  | { readonly kind: 'damaged'; readonly message: string };

const DAMAGED: ReadonlySet<unknown> = new Set(['Z_DATA_ERROR', 'Z_BUF_ERROR', 'Z_NEED_DICT']);
const MIN_CHUNK_BYTES = 1024;

/**
 * Decompresses stored data.
 *
 * @param maxBytes - decompression stops there: 400 KB of gzip can have 400 MB of content
 * @throws any failure of zlib that does not come from the bytes, such as lack of memory
 */
export function gunzipData(stored: Uint8Array, maxBytes: number): Buffer | GunzipProblem {
  try {
    const data = gunzipSync(stored, {
      maxOutputLength: Math.max(1, maxBytes),
      chunkSize: chunkBytes(stored, maxBytes),
    });
    return data.length > maxBytes ? { kind: 'too-large' } : data;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ERR_BUFFER_TOO_LARGE') return { kind: 'too-large' };
    if (!DAMAGED.has(code)) throw error;
    return { kind: 'damaged', message: errorText(error) };
  }
}

/**
 * The size that the last four bytes of gzip state, and one more, so that zlib is called once and allocates one buffer
 * of that size. The statement may be false: then zlib takes more buffers.
 */
function chunkBytes(stored: Uint8Array, maxBytes: number): number {
  if (stored.byteLength < 4) return MIN_CHUNK_BYTES;
  const stated = new DataView(stored.buffer, stored.byteOffset, stored.byteLength).getUint32(
    stored.byteLength - 4,
    true,
  );
  return Math.max(MIN_CHUNK_BYTES, Math.min(stated, maxBytes) + 1);
}
