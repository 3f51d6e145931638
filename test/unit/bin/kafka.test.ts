import { kafkaOf } from '../../../bin/cli/kafka';

test('brokers that are named are logged in to in the region that is named', async () => {
  const noOutbox = () => Promise.reject(new Error('no outbox is looked for'));
  const options = { brokers: ['b-1:9098', 'b-2:9098'], auth: 'iam', region: 'eu-west-1' } as const;
  expect(await kafkaOf('verify', noOutbox, options)).toEqual({
    brokers: ['b-1:9098', 'b-2:9098'],
    auth: { kind: 'iam' },
    region: 'eu-west-1',
  });
});
