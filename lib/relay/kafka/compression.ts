import { CompressionTypes } from 'kafkajs';
import { registerZstd } from '../../kafka/codecs/zstd';
import type { Compression } from '../environment';

const TYPES: Readonly<Record<Compression, CompressionTypes>> = {
  zstd: CompressionTypes.ZSTD,
  gzip: CompressionTypes.GZIP,
  none: CompressionTypes.None,
};

/** kafkajs's name for a compression, ready to be used. */
export function kafkaCompression(compression: Compression): CompressionTypes {
  if (compression === 'zstd') registerZstd();
  return TYPES[compression];
}
