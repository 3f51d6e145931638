import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  parkedKeys,
  planParkedRedrive,
  planRedrive,
  planReplay,
  redrive,
  redriveParked,
  replay,
  skipParked,
  verify,
} from '../../lib/operator';
import { z } from 'zod';
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

/** Something an operator does, with the command that does the same. */
export interface Action {
  readonly name: string;
  readonly label: string;
  readonly needs: readonly (keyof ActionInput)[];
  /** The same on the command line. */
  command(input: ActionInput): string;
  /** Describes the effect in sentences. Changes nothing. */
  plan(input: ActionInput): Promise<readonly string[]>;
  /** Does it; resolves with what was done, in sentences. */
  run(input: ActionInput): Promise<readonly string[]>;
}

const BY = 'console';

const askedLines = (
  asked: readonly string[],
  failed: readonly { readonly pk: string; readonly why: string }[],
  whom: string,
): string[] => [
  ...asked.map((pk) => `${pk}: ${whom} has been asked.`),
  ...failed.map(({ pk, why }) => `${pk}: not asked: ${why}`),
];

const quoted = (text: string | undefined): string => `'${(text ?? '').replaceAll("'", `'\\''`)}'`;

/** The actions of the operator library, for one stack. */
export function actionsOf({ stack, client, consumers }: ActionParts): Action[] {
  const outbox = { client, tableName: stack.tableName };
  const kafka = { brokers: stack.brokers, auth: { kind: 'none' as const } };
  const note = ({ why = '' }: ActionInput) => ({ by: BY, at: Date.now(), why });
  const keysOf = ({ key }: ActionInput) => (key === undefined || key === '' ? { all: true as const } : { keys: [key] });
  const consumerOf = ({ consumer: name }: ActionInput) => {
    const [first] = consumers;
    const found = consumers.find(({ consumer }) => consumer === name) ?? first;
    if (found === undefined) throw new Error('This stack has no consumer that the console knows.');
    return { client, tableName: found.inbox, consumer: found.consumer };
  };
  const parkedOf = ({ key }: ActionInput) =>
    key === undefined || key === '' ? {} : { keys: [key.split('#').at(-1) ?? key] };

  const redriveLines = async (input: ActionInput, skips: boolean): Promise<readonly string[]> => {
    const { targets, idle } = await planRedrive(outbox, keysOf(input));
    return [
      ...targets.map(({ pk, hold }) =>
        skips
          ? `${pk}: discard the event at ${hold?.position ?? 'the head'} for good (${hold?.reason ?? 'not held'}), then publish what waits behind it.`
          : `${pk}: publish the parked event again and then what waits behind it (${hold?.reason ?? 'not held'}).`,
      ),
      ...idle.map((pk) => `${pk}: nothing waits.`),
      ...(targets.length + idle.length === 0 ? ['No key is held.'] : []),
    ];
  };
  const runRedrive = async (input: ActionInput, skip: boolean): Promise<readonly string[]> => {
    const { targets } = await planRedrive(outbox, keysOf(input));
    const { asked, failed } = await redrive(outbox, { targets }, note(input), { skip });
    return targets.length === 0
      ? ['No key is held.']
      : askedLines(
          asked.map(({ pk }) => pk),
          failed,
          'the relay',
        );
  };

  return [
    {
      name: 'redrive',
      label: 'Redrive',
      needs: ['key', 'why'],
      command: (input) => `npx outbox redrive ${input.key ? quoted(input.key) : '--all'} --why ${quoted(input.why)}`,
      plan: (input) => redriveLines(input, false),
      run: (input) => runRedrive(input, false),
    },
    {
      name: 'skip',
      label: 'Skip',
      needs: ['key', 'why'],
      command: (input) => `npx outbox skip ${quoted(input.key)} --why ${quoted(input.why)}`,
      plan: (input) => redriveLines(requireKeyOf(input), true),
      run: (input) => runRedrive(requireKeyOf(input), true),
    },
    {
      name: 'replay',
      label: 'Replay',
      needs: ['key', 'why'],
      command: (input) => `npx outbox replay ${quoted(input.key)} --why ${quoted(input.why)}`,
      plan: async (input) => {
        const { keys } = await planReplay(outbox, { keys: [requireKeyOf(input).key] });
        return keys.length === 0
          ? [`${input.key}: nothing of it has been published.`]
          : keys.map((pk) => `${pk}: publish its processed items once more. Consumers ignore what they have applied.`);
      },
      run: async (input) => {
        const plan = await planReplay(outbox, { keys: [requireKeyOf(input).key] });
        const { asked, failed } = await replay(outbox, plan, note(input));
        return askedLines(asked, failed, 'the relay');
      },
    },
    {
      name: 'sweep',
      label: 'Sweep now',
      needs: [],
      command: () => 'npx outbox sweep',
      plan: () => Promise.resolve(['Read the whole table, count, and signal to the relay what it has missed.']),
      run: async () => {
        const { pending, waiting, heldKeys: keys, signalsSent } = await stack.sweep();
        return [`${pending} pending, ${waiting} waiting, ${keys} keys held; ${signalsSent} signals sent.`];
      },
    },
    {
      name: 'verify',
      label: 'Verify',
      needs: [],
      command: () => 'npx outbox verify',
      plan: () => Promise.resolve(['Read the table and the topics, and compare every event with its message.']),
      run: async () => {
        const sinceMs = Date.parse(stack.describe().startedAt);
        const { events, items, counts } = await verify(outbox, kafka, { sinceMs });
        const open = items.pending + items.parked;
        return [
          `${events} events of processed items compared with their messages; ${open} items are not published yet.`,
          ...counts.map(({ kind, topic, count }) => `${count} findings "${kind}" in topic ${topic}.`),
          ...(counts.length === 0 ? ['No finding: nothing is missing, duplicated or reordered.'] : []),
        ];
      },
    },
    {
      name: 'consumer-redrive',
      label: 'Redrive at the consumer',
      needs: ['key', 'why'],
      command: (input) =>
        `npx outbox consumer redrive ${input.key ? quoted(input.key) : '--all'} --table ${consumerOf(input).tableName} --why ${quoted(input.why)}`,
      plan: async (input) => {
        const { targets, idle } = await planParkedRedrive(consumerOf(input), parkedOf(input));
        return [
          ...targets.map(({ key }) => `${key}: apply the parked events again, in order.`),
          ...idle.map((key) => `${key}: nothing is parked.`),
          ...(targets.length + idle.length === 0 ? ['Nothing is parked.'] : []),
        ];
      },
      run: async (input) => {
        const target = consumerOf(input);
        const { targets } = await planParkedRedrive(target, parkedOf(input));
        const { asked, failed } = await redriveParked(target, targets, note(input));
        return [
          ...asked.map(({ key }) => `${key.key}: the consumer has been asked.`),
          ...failed.map(({ key, why }) => `${key.key}: not asked: ${why}`),
          ...(targets.length === 0 ? ['Nothing is parked.'] : []),
        ];
      },
    },
    {
      name: 'consumer-skip',
      label: 'Skip at the consumer',
      needs: ['key', 'why'],
      command: (input) =>
        `npx outbox consumer skip ${quoted(input.key)} --table ${consumerOf(input).tableName} --why ${quoted(input.why)}`,
      plan: async (input) => {
        const parked = await parkedKeys(consumerOf(input), parkedOf(requireKeyOf(input)));
        return parked.length === 0
          ? ['Nothing is parked.']
          : parked.map(({ key }) => `${key}: discard the first parked event for good, then apply the others.`);
      },
      run: async (input) => {
        const target = consumerOf(input);
        const parked = await parkedKeys(target, parkedOf(requireKeyOf(input)));
        for (const each of parked) await skipParked(target, each, note(input));
        return parked.length === 0
          ? ['Nothing is parked.']
          : parked.map(({ key }) => `${key}: the consumer has been asked.`);
      },
    },
  ];

  function requireKeyOf<T extends ActionInput>(input: T): T & { readonly key: string } {
    if (input.key === undefined || input.key === '') throw new Error('Name the key, such as order#42.');
    return { ...input, key: input.key };
  }
}
