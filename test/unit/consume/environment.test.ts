import { decodeConsumerConfig, encodeConsumerConfig, type ConsumerConfig } from '../../../lib/consume/environment';
import { consumerEnvironment, deadLettersOnDemand } from '../../../lib/consume/lambda/environment';
import type { KafkaDeadLetters } from '../../../lib/consumer';
import { aRecord } from '../../builders/consume';

const config: ConsumerConfig = {
  name: 'shipping',
  tableName: 'inbox',
  brokers: ['b-1:9096', 'b-2:9096'],
  auth: { kind: 'scram', secretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:AmazonMSK_orders-AbCdEf' },
};

it('a function reads the configuration that the construct has written', () => {
  expect(decodeConsumerConfig(encodeConsumerConfig(config))).toEqual(config);
});

it('names the invalid variable and the fix', () => {
  const { OUTBOX_CONSUMER_NAME: _, ...rest } = encodeConsumerConfig(config);
  expect(() => consumerEnvironment(rest)).toThrow(
    'Environment variable OUTBOX_CONSUMER_NAME is not set; it must be a non-empty text. The OutboxConsumer construct sets it: deploy the stack again instead of editing the function.',
  );
});

it('connects to nothing before there is a dead letter', async () => {
  const { name, tableName, deadLetters } = consumerEnvironment(encodeConsumerConfig(config));
  expect([name, tableName]).toEqual(['shipping', 'inbox']);
  await deadLetters.close();
});

describe('dead letters on demand', () => {
  const note = { reason: 'not-a-cloudevent', message: 'no' } as const;

  /** Creates them one after the other; `refuses` decides which of them fail. */
  function made(...refuses: boolean[]) {
    const log: string[] = [];
    const deadLetters = deadLettersOnDemand((): Promise<KafkaDeadLetters> => {
      const number = log.filter((entry) => entry.startsWith('made')).length + 1;
      log.push(`made ${number}`);
      return Promise.resolve({
        send() {
          log.push(`sent by ${number}`);
          return refuses[number - 1] === true ? Promise.reject(new Error('refused')) : Promise.resolve();
        },
        close() {
          log.push(`closed ${number}`);
          return Promise.resolve();
        },
      });
    });
    return { log, deadLetters };
  }

  it('are made once, with the first', async () => {
    const { log, deadLetters } = made();
    await Promise.all([deadLetters.send(aRecord(), note), deadLetters.send(aRecord(), note)]);
    await deadLetters.close();
    expect(log).toEqual(['made 1', 'sent by 1', 'sent by 1', 'closed 1']);
  });

  it('are created again after a failed send, with the current login', async () => {
    const { log, deadLetters } = made(true, false);
    await expect(deadLetters.send(aRecord(), note)).rejects.toThrow('refused');
    await deadLetters.send(aRecord(), note);
    expect(log.filter((entry) => !entry.startsWith('closed'))).toEqual(['made 1', 'sent by 1', 'made 2', 'sent by 2']);
    expect(log).toContain('closed 1');
  });

  it('are created again after their creation failed', async () => {
    let attempts = 0;
    const deadLetters = deadLettersOnDemand(() => {
      attempts++;
      return Promise.reject(new Error('no secret'));
    });
    await expect(deadLetters.send(aRecord(), note)).rejects.toThrow('no secret');
    await expect(deadLetters.send(aRecord(), note)).rejects.toThrow('no secret');
    expect(attempts).toBe(2);
    await deadLetters.close();
  });
});
