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
