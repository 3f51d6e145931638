import { CONSUMERS, TABLE, type ConsumerName } from './load';
import type { OutboxCli } from '../../local/harness/cli';
import type { Random } from '../../../lib/testing/random';

interface HeldKey {
  readonly pk: string;
  readonly position: string;
  readonly reason: string;
  readonly state: string;
}

interface ParkedKey {
  readonly consumer: ConsumerName;
  readonly aggregate?: string;
  readonly key: string;
  readonly head?: { readonly id: string; readonly topic: string; readonly partition: number; readonly offset: string };
}

const WAS_FASTER = /is (not held|held at|parked at)|nothing of .* is parked/;
const WHY = ['--why', 'a fault run'];

/** An operator with the published command line, as the runbooks tell. */
export class Operator {
  /** Items that an operator asked to skip: partition key and position. */
  readonly skipped: { readonly key: string; readonly position: string }[] = [];
  /** Events that an operator asked a consumer to skip. */
  readonly givenUp: { readonly consumer: ConsumerName; readonly id: string }[] = [];
  /** Commands, by name. */
  readonly counts = new Map<string, number>();
  readonly failures: string[] = [];
  readonly #cli: OutboxCli;

  constructor(cli: OutboxCli) {
    this.#cli = cli;
  }

  /** One command of those that change something, or one that looks. */
  async act(random: Random): Promise<void> {
    const act = random.pick([
      () => this.redriveAll(),
      () => this.#skipOne(random),
      () => this.#skipParked(random),
      () => this.redriveConsumers(),
      () => this.held(),
      () => this.#run('sweep', 'sweep'),
      () => this.#replay(random),
    ]);
    await act?.();
  }

  async redriveAll(): Promise<void> {
    await this.#run('redrive', 'redrive', '--all', ...WHY);
  }

  async redriveConsumers(): Promise<void> {
    for (const { name } of CONSUMERS) {
      const which = ['--all', '--inbox', TABLE.inbox, '--consumer', name];
      await this.#run('consumer redrive', 'consumer', 'redrive', ...which, ...WHY);
    }
  }

  async held(): Promise<readonly HeldKey[]> {
    return (await this.#json('held', 'held')) as readonly HeldKey[];
  }

  async parked(): Promise<readonly ParkedKey[]> {
    return (await this.#json('consumer parked', 'consumer', 'parked', '--inbox', TABLE.inbox)) as readonly ParkedKey[];
  }

  /** Discards what can never be published. */
  async skipUndecodable(): Promise<void> {
    for (const key of await this.held()) if (key.reason === 'undecodable-item') await this.#skip(key);
  }

  async #skipOne(random: Random): Promise<void> {
    const keys = (await this.held()).filter(({ reason }) => reason !== 'partition-unavailable');
    const key = random.pick(keys);
    if (key !== undefined) await this.#skip(key);
  }

  async #skip({ pk, position }: HeldKey): Promise<void> {
    // Noted before: the command may have its effect although it fails.
    this.skipped.push({ key: pk, position });
    await this.#run('skip', 'skip', pk, '--at', position, '--yes', ...WHY);
  }

  async #skipParked(random: Random): Promise<void> {
    const parked = random.pick((await this.parked()).filter(({ head }) => head !== undefined));
    if (parked?.head === undefined) return;
    const { consumer, key, aggregate, head } = parked;
    this.givenUp.push({ consumer, id: head.id });
    await this.#run(
      'consumer skip',
      ...['consumer', 'skip', aggregate === undefined ? key : `${aggregate}#${key}`, '--inbox', TABLE.inbox],
      ...['--consumer', consumer, '--topic', head.topic, '--at', `${head.topic}-${head.partition}@${head.offset}`],
      ...['--yes', ...WHY],
    );
  }

  async #replay(random: Random): Promise<void> {
    await this.#run('replay', 'replay', `order#hot-${random.integer(100)}`, '--yes', ...WHY);
  }

  async #json(name: string, ...args: readonly string[]): Promise<unknown> {
    const { stdout, stderr, code } = await this.#cli.run(...args, '--json');
    this.#count(name);
    try {
      return JSON.parse(stdout);
    } catch {
      this.failures.push(`outbox ${args.join(' ')} ended with ${code}: ${stderr.slice(0, 300)}`);
      return [];
    }
  }

  async #run(name: string, ...args: readonly string[]): Promise<void> {
    const { code, stderr, stdout } = await this.#cli.run(...args);
    this.#count(name);
    // What the command found is gone: the relay or the consumer was faster.
    if (code === 0 || (code === 2 && WAS_FASTER.test(stderr))) return;
    this.failures.push(`outbox ${args.join(' ')} ended with ${code}: ${`${stderr}${stdout}`.slice(0, 300)}`);
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}
