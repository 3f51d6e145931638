import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { zstdCompress } from '../../kafka/codecs/zstd-compress';
import type { Compression } from '../environment';
import type { Compressor } from '../publishing/produce-request';

const COMPRESSORS: Readonly<Record<Compression, Compressor | undefined>> = {
  zstd: { id: 4, compress: zstdCompress },
  gzip: { id: 1, compress: promisify<Buffer, Buffer>(gzip) },
  none: undefined,
};

export const compressorOf = (compression: Compression): Compressor | undefined => COMPRESSORS[compression];
