import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { GetTopicAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import { clientConfig } from '../../../bin/cli/client-config';

it('a service that does not answer ends a command instead of keeping it waiting', async () => {
  let calls = 0;
  const silent = createServer((socket) => {
    calls++;
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const sns = new SNSClient({
    ...clientConfig('eu-west-1', 50),
    endpoint: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });

  await expect(sns.send(new GetTopicAttributesCommand({ TopicArn: 'arn' }))).rejects.toMatchObject({
    name: 'TimeoutError',
  });

  expect(calls).toBe(3);
  sns.destroy();
  silent.close();
});
