/** Where an acknowledged message lies in Kafka. */
export interface Receipt {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

const RECEIPT_PATTERN = /^(.+)-(\d+)@(\d+)$/;

/** Kafka's own notation, `topic-partition@offset`, in which the item stores it: a map of three would cost twice the bytes. */
export const formatReceipt = ({ topic, partition, offset }: Receipt): string => `${topic}-${partition}@${offset}`;

/** As an item's attribute. */
export const storedReceipts = (receipts: readonly Receipt[]): { L: { S: string }[] } => ({
  L: receipts.map((receipt) => ({ S: formatReceipt(receipt) })),
});

/** The receipt that `text` stands for, or `undefined` when it is none. */
export function parseReceipt(text: string): Receipt | undefined {
  const [, topic, partition, offset] = RECEIPT_PATTERN.exec(text) ?? [];
  if (topic === undefined || partition === undefined || offset === undefined) return undefined;
  return { topic, partition: Number(partition), offset: BigInt(offset) };
}

/** Those that `texts` begin with, up to the first that is none. */
export function parseReceipts(texts: readonly string[]): Receipt[] {
  const receipts: Receipt[] = [];
  for (const text of texts) {
    const receipt = parseReceipt(text);
    if (receipt === undefined) break;
    receipts.push(receipt);
  }
  return receipts;
}
