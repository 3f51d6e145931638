declare module 'kafkajs/src/producer/partitioners/default/murmur2' {
  export default function murmur2(key: Buffer): number;
}

declare module 'kafkajs/src/protocol/error' {
  export const errorCodes: readonly { type: string; code: number; retriable: boolean; message: string }[];
}

declare module 'kafkajs/src/protocol/requests' {
  export function lookup(
    versions: Readonly<Record<number, { readonly minVersion?: number; readonly maxVersion: number }>>,
  ): (
    apiKey: number,
    definition: unknown,
  ) => (parameters: unknown) => {
    readonly request: { encode(): Promise<{ readonly buffer: Buffer }> };
  };
  export const requests: { readonly Produce: unknown };
}

declare module 'kafkajs/src/protocol/recordBatch/record/v0/decoder' {
  interface RecordDecoder {
    readInt8(): number;
    readVarLong(): string;
    readVarInt(): number;
    readVarIntBytes(): Buffer | null;
    readVarIntArray(): readonly { readonly key: string; readonly value: Buffer | null }[];
  }
  export default function decode(
    decoder: RecordDecoder,
    batch: { readonly firstOffset: string; readonly firstTimestamp: string },
  ): object;
}
