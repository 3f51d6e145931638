import type { Command } from 'commander';
import { aggregateOf } from '../../lib/consume/inbox-keys';
import type { ConsumerRequest, ConsumerRequestOutcome } from '../../lib/consume/request';
import type { ConsumerTarget } from '../../lib/operate/consumer/inbox-contents';
import { followParked, type FollowedRequest } from '../../lib/operate/consumer/redrive-parked';
import { keyName } from '../../lib/operate/key-name';
import { count, number } from './format';
import { withRequestOptions, type RequestOptions, type SentRequests } from './requests';
import type { InboxSession } from './session';

/** Options of every command that sends requests about parked keys to a consumer. */
export interface ParkedRequestOptions extends RequestOptions {
  readonly inbox: string;
  readonly consumer: string;
  readonly topic?: string;
  readonly source?: string;
  readonly aggregate?: string;
}

export const withParkedRequestOptions = (command: Command): Command =>
  withRequestOptions(
    command
      .requiredOption('--inbox <table>', "the consumer's table (required)")
      .requiredOption('--consumer <name>', 'its name (required)')
      .option('--topic <name>', 'only keys of this topic')
      .option('--source <uri>', 'only keys of this source')
      .option('--aggregate <name>', 'only keys of this aggregate'),
  );

export const nameOf = (key: ConsumerRequest['key']): string => keyName({ aggregate: aggregateOf(key), key: key.key });

/** Requests to a consumer: how they are followed and reported. */
export const consumerRequests = (
  { terminal }: InboxSession,
  target: ConsumerTarget,
  asked: readonly ConsumerRequest[],
  noun = 'key',
): Pick<
  SentRequests<FollowedRequest, ConsumerRequestOutcome | 'waiting'>,
  'sent' | 'notFollowed' | 'words' | 'follow' | 'endOf'
> => ({
  sent: asked.length,
  notFollowed: `The consumer has ${count(asked.length, 'request')} to act on. By default it polls for requests every ten seconds. Next: outbox consumer parked`,
  words: {
    noun,
    done: 'released',
    outcomes: {
      released: 'released',
      refused: 'failed again',
      'not-there': 'the message is not the first parked one of the key: nothing was done',
      duplicate: 'the event had its effect before: nothing was done',
      waiting: 'not done in time; the request stays. Does an instance of the consumer run?',
    },
  },
  follow: (timeoutMs) =>
    followParked(target, asked, {
      timeoutMs,
      onProgress: (done, all) =>
        terminal.progress(`the consumer has acted on ${number(done)} of ${count(all, 'request')}`),
    }),
  endOf: ({ request: { key }, answer }) => ({
    name: nameOf(key),
    outcome: answer?.outcome ?? 'waiting',
    message: answer?.message,
  }),
});
