import { environmentReader } from '../../../lib/event/environment';
import {
  controlPartitionOf,
  decodeHomeRegion,
  encodeHomeRegion,
  streamNameOf,
  type HomeRegion,
} from '../../../lib/event/home-region';
import { parsePartitionKey } from '../../../lib/event/key';

const home: HomeRegion = { region: 'eu-central-1', publishesFor: ['eu-central-1', 'eu-west-1'] };
const decode = (environment: Record<string, string>) => decodeHomeRegion(environmentReader(environment, 'Outbox'));

test('a function reads what the construct has written', () => {
  expect(decode(encodeHomeRegion(home))).toEqual(home);
  expect(decode(encodeHomeRegion(undefined))).toBeUndefined();
});

test.each(['', 'eu-west-1', 'eu-central-1,', 'eu-central-1, eu-west-1'])(
  'a list %p that cannot be is refused by the name of its variable',
  (publishesFor) => {
    expect(() => decode({ ...encodeHomeRegion(home), OUTBOX_PUBLISHES_FOR: publishesFor })).toThrow(
      /Environment variable OUTBOX_PUBLISHES_FOR is/,
    );
  },
);

test('a stream has another name when others are published for, in whatever order they are named', () => {
  const [name, sameName] = [home, { ...home, publishesFor: home.publishesFor.toReversed() }].map((one) =>
    streamNameOf('arn:stream', one),
  );
  expect(name).toBe(sameName);
  expect(streamNameOf('arn:stream', { ...home, publishesFor: ['eu-central-1'] })).not.toBe(name);
});

test('the control partition of a region is no partition of events', () => {
  expect(parsePartitionKey(controlPartitionOf(home))).toBeUndefined();
});
