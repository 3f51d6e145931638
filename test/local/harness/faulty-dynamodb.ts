import { startDynamoDbProxy, type DynamoDbProxy, type Treatment } from '../../../local/dynamodb-proxy';

const MARK = 'BatchExecuteStatement';

/** A request before it is passed on. */
export interface SeenRequest {
  /** Such as `PutItem`. */
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly userAgent: string;
}

/** A proxy between the relay and DynamoDB Local that shows requests, and fails those that a test chooses. */
export class FaultyDynamoDb {
  onRequest: ((request: SeenRequest) => void) | undefined;
  /** Answers marks with a server error. */
  failMarks = false;
  /** Answers every request with a server error. */
  failEverything = false;
  failedMarks = 0;
  #proxy: DynamoDbProxy | undefined;
  #onMark: (() => void) | undefined;

  /** Starts the proxy before the real endpoint. Returns the proxy's endpoint. */
  async start(target: string): Promise<string> {
    this.#proxy = await startDynamoDbProxy({
      target,
      treat: ({ operation, body, headers }) => {
        const treatment = this.#treat(operation);
        if (treatment.kind === 'pass') {
          this.onRequest?.({
            operation,
            body: JSON.parse(body) as Record<string, unknown>,
            userAgent: headers['user-agent'] ?? '',
          });
        }
        return treatment;
      },
    });
    return this.#proxy.endpoint;
  }

  /** Never responds to the next mark, and runs `meanwhile` instead. Resolves after it has run. */
  async holdNextMark(meanwhile: () => Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => (this.#onMark = resolve));
    await meanwhile();
  }

  async stop(): Promise<void> {
    await this.#proxy?.stop();
  }

  #treat(operation: string): Treatment {
    const isMark = operation === MARK;
    if (isMark && this.#onMark !== undefined) {
      this.#onMark();
      this.#onMark = undefined;
      return { kind: 'silence' };
    }
    if (!this.failEverything && !(isMark && this.failMarks)) return { kind: 'pass' };
    if (isMark) this.failedMarks++;
    return { kind: 'fail' };
  }
}
