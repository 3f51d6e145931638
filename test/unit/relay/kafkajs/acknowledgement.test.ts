import type { RecordMetadata } from 'kafkajs';
import type { PartitionBatch } from '../../../../lib/relay/ports';
import { acknowledgedOffsets } from '../../../../lib/relay/kafkajs/partition-answers';

const batch = (topic: string, partition: number): PartitionBatch => ({ topic, partition, messages: [] });
const named = (topicName: string, partition: number, rest: Partial<RecordMetadata> = {}): RecordMetadata => ({
  topicName,
  partition,
  errorCode: 0,
  baseOffset: '7',
  ...rest,
});

it('returns for each batch the offset of its own topic and partition', () => {
  const batches = [batch('a', 0), batch('a', 1), batch('b', 0)];
  const answer = [named('b', 0, { baseOffset: '3' }), named('a', 1, { baseOffset: '0' }), named('a', 0)];

  expect([...acknowledgedOffsets(batches, answer)]).toEqual([
    [batches[0], 7n],
    [batches[1], 0n],
    [batches[2], 3n],
  ]);
});

it.each([
  ['the partition is not named', []],
  ['another partition is named', [named('a', 1)]],
  ['another topic is named', [named('b', 0)]],
  ['the offset is unknown', [named('a', 0, { baseOffset: '-1' })]],
  ['the offset is missing', [named('a', 0, { baseOffset: undefined })]],
  ['the partition has an error', [named('a', 0, { errorCode: 6 })]],
])('treats nothing as written if %s', (_, answer) => {
  expect(acknowledgedOffsets([batch('a', 0)], answer).size).toBe(0);
});

it('returns the first delivery of a partition that two brokers report', () => {
  const one = batch('a', 0);
  const answer = [
    named('a', 0, { baseOffset: '30' }),
    named('a', 0, { baseOffset: '9' }),
    named('a', 0, { baseOffset: '12' }),
  ];

  expect(acknowledgedOffsets([one], answer).get(one)).toBe(9n);
});

it('keeps offsets exact beyond 2^53', () => {
  const one = batch('a', 0);

  expect(acknowledgedOffsets([one], [named('a', 0, { baseOffset: '9007199254740993' })]).get(one)).toBe(
    9007199254740993n,
  );
});
