import { checkReachability } from '../../../lib/operate/kafka-metadata';

test('a broker that accepts no connection is reported with the reason', async () => {
  expect(await checkReachability(['127.0.0.1:1', 'no broker at all'])).toEqual([
    { broker: '127.0.0.1:1', error: 'ECONNREFUSED' },
    { broker: 'no broker at all', error: 'not of the form host:port' },
  ]);
});
