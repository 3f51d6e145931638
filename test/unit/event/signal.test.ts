import { marshall } from '@aws-sdk/util-dynamodb';
import { OutboxError } from '../../../lib/event/errors';
import type { Image } from '../../../lib/event/item';
import {
  decodeSignal,
  elsewhere,
  encodeSignal,
  isSignalKey,
  newSignal,
  storedKeyOf,
  type Signal,
} from '../../../lib/event/signal';

const NOW = Date.UTC(2026, 0, 31, 12);
const request = { by: 'operator', at: NOW, why: 'fixed' };
const position = '0000000000000003';
const drain = newSignal('order#42', NOW, { kind: 'drain' as const, from: '1', request });
const skip = newSignal('order#42', NOW, { kind: 'skip' as const, position, id: 'e-1', gone: true as const, request });
const replay = newSignal('order#42', NOW, {
  ...{ kind: 'replay' as const, replayId: 'r-1', request },
  ...{ from: position, to: position, since: 0, until: NOW, topic: 'copies', ofTopic: 'orders' },
});

const imageOf = (signal: Signal): Image => marshall(encodeSignal(signal));

it.each<[string, Signal]>([
  ['a drain', drain],
  ['a skip', skip],
  ['a replay', replay],
  ['a replay without limits', newSignal('order#42', NOW, { kind: 'replay', replayId: 'r-1', request })],
  ['a signal under another key', elsewhere(drain)],
])('%s is read as it was written', (_, signal) => {
  expect(decodeSignal(imageOf(signal))).toEqual(signal);
});

it('is stored under its key, or under the key of signals', () => {
  expect(storedKeyOf(drain)).toEqual({ pk: 'order#42', sk: drain.sk });
  expect(storedKeyOf(elsewhere(drain))).toEqual({ pk: '$outbox#signals', sk: drain.sk });
  expect(encodeSignal(elsewhere(drain))).toMatchObject({ pk: '$outbox#signals', key: 'order#42' });
  expect([isSignalKey(drain.sk), isSignalKey(position)]).toEqual([true, false]);
});

it('is still read after it was set aside', () => {
  expect(decodeSignal({ ...imageOf(drain), setAside: { S: 'x' } })).toEqual(drain);
});

const without = (signal: Signal, name: string): Image =>
  Object.fromEntries(Object.entries(imageOf(signal)).filter(([key]) => key !== name));
const changed = (signal: Signal, attributes: Record<string, unknown>): Image => ({
  ...imageOf(signal),
  ...(marshall(attributes) as Image),
});

it.each<[field: string, Image]>([
  ['pk', without(drain, 'pk')],
  ['pk', changed(drain, { pk: '' })],
  ['key', changed(elsewhere(drain), { key: '' })],
  ['key', changed(drain, { key: 'order#42' })],
  ['sk', without(drain, 'sk')],
  ['sk', changed(drain, { sk: position })],
  ['request', without(drain, 'request')],
  ['request', changed(drain, { request: 'operator' })],
  ['request.by', changed(drain, { request: { ...request, by: '' } })],
  ['request.at', changed(drain, { request: { ...request, at: -1 } })],
  ['request.at', changed(drain, { request: { ...request, at: 1.5 } })],
  ['request.at', changed(drain, { request: { ...request, at: 'now' } })],
  ['request.why', changed(drain, { request: { by: 'operator', at: 0 } })],
  ['kind', without(drain, 'kind')],
  ['kind', changed(drain, { kind: 'stop' })],
  ['kind', changed(drain, { kind: 'toString' })],
  ['from', without(drain, 'from')],
  ['from', changed(drain, { from: '' })],
  ['position', changed(drain, { position })],
  ['position', without(skip, 'position')],
  ['id', changed(skip, { id: '' })],
  ['id', changed(skip, { id: 1 })],
  ['storedId', changed(skip, { storedId: '{' })],
  ['storedId', changed(skip, { storedId: 'null' })],
  ['storedId', changed(skip, { storedId: '1' })],
  ['storedId', changed(skip, { storedId: '{"N":"1","S":"x"}' })],
  ['gone', changed(skip, { gone: false })],
  ['gone', changed(skip, { gone: 'true' })],
  ['replayId', without(replay, 'replayId')],
  ['from', changed(replay, { from: '3' })],
  ['to', changed(replay, { to: 3 })],
  ['since', changed(replay, { since: -1 })],
  ['until', changed(replay, { until: '2026' })],
  ['topic', changed(replay, { topic: 'a topic' })],
  ['ofTopic', changed(replay, { ofTopic: '' })],
])('a signal with another "%s" than it may have is refused', (field, image) => {
  const details = { pk: image['pk']?.S ?? '', sk: image['sk']?.S ?? '', field };
  expect(() => decodeSignal(image)).toThrow(OutboxError);
  expect(() => decodeSignal(image)).toThrow(expect.objectContaining({ code: 'undecodable-signal', details }));
});
