import { marshall } from '@aws-sdk/util-dynamodb';
import { decodeSignal, elsewhere, encodeSignal, newSignal, type Signal } from '../../../lib/event/signal';
import { imageFrom } from '../attributes';
import { mutate } from '../mutate';
import { decoded, expectSame, type Target } from '../target';

const request = { by: 'operator', at: 1_767_323_045_678, why: 'fixed' };
const position = '0000000000000003';
const stored = (signal: Signal) => marshall(encodeSignal(signal), { removeUndefinedValues: true });
const drain = newSignal('order#42', 1_767_323_045_678, { kind: 'drain', from: position, request });
/** The stored images of valid signals. */
export const SIGNAL_IMAGES = [
  stored(drain),
  stored(elsewhere(drain)),
  stored(newSignal('order#42', 1, { kind: 'skip', position, id: 'a', gone: true, request })),
  stored(newSignal('order#42', 1, { kind: 'replay', replayId: 'r', from: position, to: position, since: 1, request })),
];

export const signal: Target = {
  name: 'signal',
  input: (random) => mutate(random, random.pick(SIGNAL_IMAGES)),
  run: (input) =>
    decoded(
      () => decodeSignal(imageFrom(input)),
      'undecodable-signal',
      (read) => expectSame('The signal that is stored again', decodeSignal(stored(read) as never), read),
    ),
};
