import { CompressionTypes } from 'kafkajs';
import { registerZstd } from '../../kafka/codecs/zstd';
import type { Compression } from '../environment';

const TYPES: Readonly<Record<Compression, CompressionTypes>> = {
  zstd: CompressionTypes.ZSTD,
  gzip: CompressionTypes.GZIP,
  none: CompressionTypes.None,
};

/** The kafkajs type of a compression, with its codec registered. */
export function kafkaCompression(compression: Compression): CompressionTypes {
  if (compression === 'zstd') registerZstd();
  return TYPES[compression];
}
