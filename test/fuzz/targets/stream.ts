import { isOpen, itemStateOf } from '../../../lib/event/item-state';
import type { Image } from '../../../lib/event/item';
import type { StreamRecord } from '../../../lib/relay/record';
import { anItem, imageOf } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';
import { imageFrom, isMap } from '../attributes';
import { mutate } from '../mutate';
import type { Target } from '../target';
import { ITEM_IMAGES } from './item';
import { SIGNAL_IMAGES } from './signal';

interface Batch {
  readonly records: readonly unknown[];
  /** Whether Kafka refuses every message. */
  readonly refuses: boolean;
}

const text = (image: Image, name: string): string | undefined => {
  const value = (image[name] as Image[string] | null | undefined)?.S;
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** A batch of a table's stream, some of whose records are malformed. No open item may be acknowledged and forgotten. */
export const stream: Target = {
  name: 'stream',
  input: (random): Batch => ({
    records: Array.from({ length: 1 + random.integer(4) }, (_, at) => {
      const image = random.chance(0.25)
        ? imageOf(anItem({ key: String(random.integer(3)), version: at + 1 }))
        : random.pick<unknown>([...ITEM_IMAGES, ...SIGNAL_IMAGES]);
      const record = {
        eventName: 'INSERT',
        dynamodb: {
          ApproximateCreationDateTime: 1_000_000,
          SequenceNumber: String(at).padStart(21, '0'),
          NewImage: image,
        },
      };
      return random.chance(0.7) ? mutate(random, record) : record;
    }),
    refuses: random.chance(0.2),
  }),
  async run(input) {
    const { records, refuses } = input as Batch;
    const { table, kafka, handle } = aRelayOverTable();
    kafka.topics.set('shipments', 2);
    if (refuses) kafka.refuse = () => ({ kind: 'poison', reason: 'message-refused', message: 'no' });
    const batch = records.map((record, at): StreamRecord => {
      const { dynamodb, ...rest } = (isMap(record) ? record : {}) as StreamRecord;
      const hasImage = dynamodb?.NewImage !== undefined;
      const image = imageFrom(dynamodb?.NewImage);
      const [pk, sk] = [text(image, 'pk'), text(image, 'sk')];
      if (pk === undefined || sk === undefined || sk.startsWith('~')) return { ...rest, dynamodb: { NewImage: image } };
      // The table has what the stream shows.
      const ofKey = table.items.get(pk) ?? new Map<string, Record<string, Image[string]>>();
      table.items.set(pk, ofKey.set(sk, { ...image }));
      const Keys = { pk: { S: pk }, sk: { S: sk } };
      const SequenceNumber = String(at).padStart(21, '0');
      const shown = hasImage ? { NewImage: image } : {};
      return { ...rest, eventSourceARN: 'stream', dynamodb: { Keys, SequenceNumber, ...shown } };
    });
    const failed = await handle(batch, plentyOfTime);
    const acknowledged = batch.slice(0, failed);
    // A later write of a position replaces what an earlier record shows.
    const placeOf = ({ dynamodb }: StreamRecord): string =>
      `${dynamodb?.Keys?.['pk']?.S ?? ''}\n${dynamodb?.Keys?.['sk']?.S ?? ''}`;
    const last = new Map(batch.map((record) => [placeOf(record), record]));
    for (const record of acknowledged) {
      if (last.get(placeOf(record)) !== record) continue;
      const { eventName, dynamodb } = record;
      const [pk, sk] = [dynamodb?.Keys?.['pk']?.S ?? '', dynamodb?.Keys?.['sk']?.S ?? ''];
      const image = table.items.get(pk)?.get(sk);
      if (eventName !== 'INSERT' || image === undefined || pk.startsWith('!') || sk.startsWith('~')) continue;
      if (image['gone'] !== undefined) continue;
      const hold = table.holds.get(pk);
      const isWaiting = hold !== undefined && hold.position <= sk;
      if (isOpen(itemStateOf(image).state) && !isWaiting) throw new Error(`The open item ${pk} ${sk} is acknowledged.`);
    }
    return failed === undefined
      ? kafka.log.length > 0
        ? 'acknowledged, published'
        : 'acknowledged'
      : 'delivered again';
  },
};
