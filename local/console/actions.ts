import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  parkedKeys,
  planParkedRedrive,
  planRedrive,
  planReplay,
  planResend,
  redrive,
  redriveParked,
  replay,
  resendDeadLetters,
  skipParked,
  verify,
} from '../../lib/operator';
import { z } from 'zod';
import { shownPosition } from '../../lib/event/position';
import { formatReceipt } from '../../lib/event/receipt';
import { shellCommand } from '../../lib/operate/shell-command';
import type { Stack } from '../stack';

/** A consumer that the console can operate. */
export interface ConsoleConsumer {
  readonly consumer: string;
  readonly inbox: string;
  readonly topics: readonly string[];
}

export interface ActionParts {
  readonly stack: Stack;
  readonly client: DynamoDBClient;
  readonly consumers: readonly ConsoleConsumer[];
}

/** The input of an action; each action states which fields it needs. */
export const actionInput = z.object({
  key: z.string().max(2_048).optional(),
  why: z.string().max(500).optional(),
  consumer: z.string().max(200).optional(),
});
export type ActionInput = z.output<typeof actionInput>;

/** An action for one input: described, and not done yet. */
export interface ActionPlan {
  /** The effect, in sentences. */
  readonly lines: readonly string[];
  /** The same on the command line. */
  readonly command: string;
  /** Does it; resolves with what was done, in sentences. */
  run(): Promise<readonly string[]>;
}

/** Something an operator does. */
export interface Action {
  readonly name: string;
  readonly label: string;
  readonly needs: readonly (keyof ActionInput)[];
  /** Looks up what the action concerns. Changes nothing. */
  plan(input: ActionInput): Promise<ActionPlan>;
}

const BY = 'console';

/** The result of a request to the relay or to a consumer, key by key. */
function askedLines(
  whom: string,
  asked: readonly string[],
  failed: readonly { readonly key: string; readonly why: string }[],
): string[] {
  const lines = [
    ...asked.map((key) => `${key}: ${whom} has been asked.`),
    ...failed.map(({ key, why }) => `${key}: not asked: ${why}`),
  ];
  return lines.length === 0 ? ['Nothing waits, so nothing was asked.'] : lines;
}

/** The actions of the operator library, for one stack. */
export function actionsOf({ stack, client, consumers }: ActionParts): Action[] {
  const outbox = { client, tableName: stack.tableName };
  const kafka = { brokers: stack.brokers, auth: { kind: 'none' as const } };
  const note = ({ why = '' }: ActionInput) => ({ by: BY, at: Date.now(), why });
  const because = ({ why = '' }: ActionInput): string[] => ['--why', why];
  const outboxCommand = (...words: readonly string[]): string => shellCommand('npx', 'outbox', ...words);
  const consumerOf = ({ consumer: name }: ActionInput) => {
    const [first] = consumers;
    const found = consumers.find(({ consumer }) => consumer === name) ?? first;
    if (found === undefined) throw new Error('This stack has no consumer that the console knows.');
    const { inbox: tableName, consumer, topics } = found;
    return { client, tableName, consumer, topics };
  };
  const atConsumer = ({ tableName, consumer }: ReturnType<typeof consumerOf>): string[] => [
    ...['--inbox', tableName, '--consumer', consumer],
  ];

  /** The plan of a redrive, or with `skip` of a skip. */
  const planOfRelay = async (input: ActionInput, key: string | undefined, skip: boolean): Promise<ActionPlan> => {
    const { targets, idle } = await planRedrive(outbox, key === undefined ? { all: true } : { keys: [key] });
    const head = targets[0]?.hold;
    return {
      lines: [
        ...targets.map(({ pk, hold }) =>
          skip
            ? `${pk}: discard the item at ${hold === undefined ? 'its head' : shownPosition(hold.position)} permanently (${hold?.reason ?? 'not held'}), then publish what waits behind it.`
            : `${pk}: publish the parked event again and then what waits behind it (${hold?.reason ?? 'not held'}).`,
        ),
        ...idle.map((pk) => `${pk}: nothing waits.`),
        ...(targets.length + idle.length === 0 ? ['No key is held.'] : []),
      ],
      command: skip
        ? outboxCommand(
            ...['skip', key ?? '--all', ...(head === undefined ? [] : ['--at', shownPosition(head.position)])],
            ...[...because(input), '--yes'],
          )
        : outboxCommand('redrive', key ?? '--all', ...because(input)),
      async run() {
        const { asked, failed } = await redrive(outbox, { targets }, note(input), { skip });
        return askedLines(
          'the relay',
          asked.map(({ pk }) => pk),
          failed.map(({ pk, why }) => ({ key: pk, why })),
        );
      },
    };
  };

  return [
    {
      ...{ name: 'redrive', label: 'Redrive', needs: ['key', 'why'] },
      plan: (input) => planOfRelay(input, keyOf(input), false),
    },
    {
      ...{ name: 'skip', label: 'Skip', needs: ['key', 'why'] },
      plan: async (input) => planOfRelay(input, requireKeyOf(input), true),
    },
    {
      ...{ name: 'replay', label: 'Replay', needs: ['key', 'why'] },
      async plan(input) {
        const key = requireKeyOf(input);
        const plan = await planReplay(outbox, { keys: [key] });
        return {
          lines:
            plan.keys.length === 0
              ? [`${key}: nothing of it has been published.`]
              : [`${key}: publish its processed items once more. Consumers ignore what they have applied.`],
          command: outboxCommand('replay', key, ...because(input), '--yes'),
          async run() {
            const { asked, failed } = await replay(outbox, plan, note(input));
            return askedLines(
              'the relay',
              asked,
              failed.map(({ pk, why }) => ({ key: pk, why })),
            );
          },
        };
      },
    },
    {
      ...{ name: 'sweep', label: 'Sweep now', needs: [] },
      plan: () =>
        Promise.resolve({
          lines: ['Read the whole table, count, and signal to the relay what it has missed.'],
          command: outboxCommand('sweep'),
          async run() {
            const { pending, waiting, heldKeys, signalsSent } = await stack.sweep();
            return [`${pending} pending, ${waiting} waiting, ${heldKeys} keys held; ${signalsSent} signals sent.`];
          },
        }),
    },
    {
      ...{ name: 'verify', label: 'Verify', needs: [] },
      plan() {
        const { startedAt } = stack.describe();
        return Promise.resolve({
          lines: ['Read the table and the topics, and compare every event with its message.'],
          command: outboxCommand('verify', '--since', startedAt),
          async run() {
            const { events, items, counts } = await verify(outbox, kafka, { sinceMs: Date.parse(startedAt) });
            const open = items.pending + items.parked;
            return [
              `${events} events of processed items compared with their messages; ${open} items are not published yet.`,
              ...counts.map(({ kind, topic, count }) => `${count} findings "${kind}" in topic ${topic}.`),
              ...(counts.length === 0 ? ['No finding: nothing is missing, duplicated or reordered.'] : []),
            ];
          },
        });
      },
    },
    {
      ...{ name: 'consumer-redrive', label: 'Redrive at the consumer', needs: ['key', 'why'] },
      async plan(input) {
        const key = keyOf(input);
        const target = consumerOf(input);
        const { targets } = await planParkedRedrive(target, key === undefined ? {} : { keys: [key] });
        return {
          lines:
            targets.length === 0
              ? [`${key ?? target.consumer}: nothing is parked.`]
              : targets.map((parked) => `${parked.key}: apply the parked events again, in order.`),
          command: outboxCommand('consumer', 'redrive', key ?? '--all', ...atConsumer(target), ...because(input)),
          async run() {
            const { asked, failed } = await redriveParked(target, targets, note(input));
            return askedLines(
              target.consumer,
              asked.map((request) => request.key.key),
              failed.map(({ key: parked, why }) => ({ key: parked.key, why })),
            );
          },
        };
      },
    },
    {
      ...{ name: 'consumer-skip', label: 'Skip at the consumer', needs: ['key', 'why'] },
      async plan(input) {
        const key = requireKeyOf(input);
        const target = consumerOf(input);
        const parked = await parkedKeys(target, { consumer: target.consumer, keys: [key] });
        const place = parked[0]?.head;
        return {
          lines:
            parked.length === 0
              ? [`${key}: nothing is parked.`]
              : [`${key}: discard the first parked event permanently, then apply the others.`],
          command: outboxCommand(
            ...['consumer', 'skip', key, ...(place === undefined ? [] : ['--at', formatReceipt(place)])],
            ...[...atConsumer(target), ...because(input), '--yes'],
          ),
          async run() {
            const asked: string[] = [];
            for (const each of parked) asked.push((await skipParked(target, each, note(input))).key.key);
            return askedLines(target.consumer, asked, []);
          },
        };
      },
    },
    {
      ...{ name: 'consumer-resend', label: 'Resend dead letters', needs: ['key', 'why'] },
      async plan(input) {
        const key = keyOf(input);
        const target = consumerOf(input);
        const [topic = ''] = target.topics;
        const selection = { topic, as: 'late' as const, ...(key === undefined ? {} : { keys: [key] }) };
        const plan = await planResend(kafka, target, selection);
        const lines = [
          ...plan.targets.map(({ key: { key: of } }) => `${of}: apply its dead letter, after later events of the key.`),
          ...plan.refused.map(({ why }) => `Not possible: ${why}`),
          ...plan.asked.map(() => 'The consumer has been asked for one already.'),
        ];
        return {
          lines: lines.length === 0 ? ['There are no dead letters.'] : lines,
          command: outboxCommand(
            ...['consumer', 'dead-letters', '--topic', topic, ...(key === undefined ? [] : ['--key', key])],
            ...['--resend', '--as', 'late', ...atConsumer(target), ...because(input), '--yes'],
          ),
          async run() {
            const { asked, failed } = await resendDeadLetters(target, plan, note(input));
            return askedLines(
              target.consumer,
              asked.map((request) => request.key.key),
              failed.map(({ place, why }) => ({ key: place, why })),
            );
          },
        };
      },
    },
  ];
}

/** `undefined`: every key. */
const keyOf = ({ key }: ActionInput): string | undefined => (key === '' ? undefined : key);

function requireKeyOf(input: ActionInput): string {
  const key = keyOf(input);
  if (key === undefined) throw new Error('Name the key, such as order#42.');
  return key;
}
