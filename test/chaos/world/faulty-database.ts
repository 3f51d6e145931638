import {
  startDynamoDbProxy,
  type DynamoDbProxy,
  type DynamoDbRequest,
  type Treatment,
} from '../../../local/dynamodb-proxy';
import type { Random } from '../../../lib/testing/random';

/** The ways in which a request may fail. */
export const DATABASE_FAULTS = ['throttled', 'failed', 'answer-lost', 'silent', 'unprocessed', 'conflict'] as const;
export type DatabaseFault = (typeof DATABASE_FAULTS)[number];

/** The next request of the operation is intercepted once. */
interface Interception {
  readonly operation: string;
  readonly moment: 'before' | 'after';
  readonly run: () => Promise<void>;
}

const TRANSACTION = 'TransactWriteItems';
const MARKS = 'BatchExecuteStatement';
const READS = 'BatchGetItem';

/** DynamoDB behind a proxy that makes a share of the requests fail in one way. */
export class FaultyDatabase {
  /** Requests that failed, by the way. */
  readonly counts: Record<DatabaseFault, number> = {
    ...{ throttled: 0, failed: 0, 'answer-lost': 0 },
    ...{ silent: 0, unprocessed: 0, conflict: 0 },
  };
  readonly #random: Random;
  #proxy: DynamoDbProxy | undefined;
  #fault: DatabaseFault | undefined;
  #share = 0;
  #interception: Interception | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Returns the proxy's endpoint. */
  async start(target: string): Promise<string> {
    this.#proxy = await startDynamoDbProxy({ target, treat: (request) => this.#treat(request) });
    return this.#proxy.endpoint;
  }

  begin(fault: DatabaseFault, share: number): void {
    this.#fault = fault;
    this.#share = share;
  }

  end(): void {
    this.#share = 0;
  }

  /**
   * Runs `run` once: before the next request of the operation is passed on, or after it took effect and before its
   * response is sent. That request gets no response. Returns what cancels it.
   */
  intercept(interception: Interception): () => void {
    this.#interception = interception;
    return () => {
      if (this.#interception === interception) this.#interception = undefined;
    };
  }

  async stop(): Promise<void> {
    await this.#proxy?.stop();
  }

  async #treat({ operation, body }: DynamoDbRequest): Promise<Treatment> {
    const interception = this.#interception;
    if (interception?.operation === operation) {
      this.#interception = undefined;
      if (interception.moment === 'after') return { kind: 'lose', meanwhile: interception.run };
      await interception.run();
      return { kind: 'silence' };
    }
    const fault = this.#fault;
    if (fault === undefined || this.#share === 0 || !this.#random.chance(this.#share)) return { kind: 'pass' };
    const treatment = treatmentOf(fault, operation, body);
    if (treatment === undefined) return { kind: 'pass' };
    this.counts[fault]++;
    return treatment;
  }
}

/** `undefined` if the fault cannot happen to the operation. */
function treatmentOf(fault: DatabaseFault, operation: string, body: string): Treatment | undefined {
  switch (fault) {
    case 'throttled':
      return { kind: 'refuse', error: 'ProvisionedThroughputExceededException' };
    case 'failed':
      return { kind: 'fail' };
    case 'answer-lost':
      return { kind: 'lose' };
    case 'silent':
      return { kind: 'silence' };
    case 'unprocessed':
      return unprocessed(operation, body);
    case 'conflict': {
      if (operation !== TRANSACTION) return undefined;
      const { TransactItems } = JSON.parse(body) as { readonly TransactItems: readonly unknown[] };
      const CancellationReasons = TransactItems.map((_, index) => ({
        Code: index === 0 ? 'TransactionConflict' : 'None',
      }));
      return { kind: 'refuse', error: 'TransactionCanceledException', more: { CancellationReasons } };
    }
  }
}

/** Half of a batch is not executed. */
function unprocessed(operation: string, body: string): Treatment | undefined {
  if (operation === MARKS) {
    const request = JSON.parse(body) as { readonly Statements: readonly unknown[] };
    const kept = request.Statements.filter((_, index) => index % 2 === 1);
    if (kept.length === 0) return { kind: 'refuse', error: 'ThrottlingException' };
    return {
      kind: 'pass',
      body: JSON.stringify({ ...request, Statements: kept }),
      answer: (response) => {
        const { Responses } = JSON.parse(response) as { readonly Responses: readonly unknown[] };
        const refused = { Error: { Code: 'ThrottlingError', Message: 'made to fail' } };
        const all = request.Statements.map((_, index) => (index % 2 === 1 ? Responses[(index - 1) / 2] : refused));
        return JSON.stringify({ Responses: all });
      },
    };
  }
  if (operation !== READS) return undefined;
  type Keys = Readonly<Record<string, { readonly Keys: readonly unknown[] }>>;
  const { RequestItems, ...others } = JSON.parse(body) as { readonly RequestItems: Keys };
  const part = (isKept: (index: number) => boolean): Keys =>
    Object.fromEntries(
      Object.entries(RequestItems)
        .map(([table, of]) => [table, { ...of, Keys: of.Keys.filter((_, index) => isKept(index)) }] as const)
        .filter(([, { Keys }]) => Keys.length > 0),
    );
  const kept = part((index) => index % 2 === 1);
  if (Object.keys(kept).length === 0) return { kind: 'refuse', error: 'ThrottlingException' };
  return {
    kind: 'pass',
    body: JSON.stringify({ ...others, RequestItems: kept }),
    answer: (response) =>
      JSON.stringify({ ...(JSON.parse(response) as object), UnprocessedKeys: part((index) => index % 2 === 0) }),
  };
}
