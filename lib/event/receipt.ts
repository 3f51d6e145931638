import { partitionName } from './topic-partition';

/** The location of an acknowledged message in Kafka. */
export interface Receipt {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Kafka counts partitions in 32 bits and offsets in 64. To read a number of many digits takes seconds. */
const RECEIPT_PATTERN = /^(.+)-(\d{1,10})@(\d{1,19})$/;

/** The place of a message in Kafka's own notation, as stored on the item: a map of three would take twice the bytes. */
export const formatReceipt = (receipt: Omit<Receipt, 'offset'> & { readonly offset: bigint | string }): string =>
  `${partitionName(receipt)}@${receipt.offset}`;

/** The marks that the relay adds to an item, at a size that topics of less than ten million messages reach. */
export const usualMarks = (topics: readonly string[]): Readonly<Record<string, unknown>> => ({
  processedAt: 1_767_323_045_678,
  receipts: topics.map((topic) => formatReceipt({ topic, partition: 11, offset: 1_000_000n })),
  expiresAt: 1_767_409_446,
});

export const storedReceipts = (receipts: readonly Receipt[]): { L: { S: string }[] } => ({
  L: receipts.map((receipt) => ({ S: formatReceipt(receipt) })),
});

/** Parses a receipt; `undefined` if `text` is none. */
export function parseReceipt(text: string): Receipt | undefined {
  const [, topic, partition, offset] = RECEIPT_PATTERN.exec(text) ?? [];
  if (topic === undefined || partition === undefined || offset === undefined) return undefined;
  return { topic, partition: Number(partition), offset: BigInt(offset) };
}

/** Parses the receipts at the start of `texts`, up to the first text that is none. */
export function parseReceipts(texts: readonly string[]): Receipt[] {
  const receipts: Receipt[] = [];
  for (const text of texts) {
    const receipt = parseReceipt(text);
    if (receipt === undefined) break;
    receipts.push(receipt);
  }
  return receipts;
}
