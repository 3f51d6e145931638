import { LambdaInvoker, type InvocationResult, type InvokerOptions } from '../../local/event-source-mapping/invoker';

/** Instances of the relay as Lambda runs them: an invocation takes an idle one, or starts another. */
export class RelayPool {
  readonly #options: Omit<InvokerOptions, 'functionName'>;
  readonly #instances: LambdaInvoker[] = [];
  readonly #idle: LambdaInvoker[] = [];

  constructor(options: Omit<InvokerOptions, 'functionName'>) {
    this.#options = options;
  }

  get pids(): readonly number[] {
    return this.#instances.flatMap(({ pid }) => pid ?? []);
  }

  invoke(event: unknown): Promise<InvocationResult> {
    return this.invokeJson(JSON.stringify(event));
  }

  /** As {@link invoke}, with the event's JSON. */
  async invokeJson(event: string | Buffer): Promise<InvocationResult> {
    const instance = this.#idle.pop() ?? this.#newInstance();
    try {
      return await instance.invokeJson(event);
    } finally {
      this.#idle.push(instance);
    }
  }

  /** SIGKILL of every instance, also during an invocation. The next invocation starts a new process. */
  async kill(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.kill()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.stop()));
  }

  #newInstance(): LambdaInvoker {
    const instance = new LambdaInvoker({ ...this.#options, functionName: `relay-${this.#instances.length + 1}` });
    this.#instances.push(instance);
    return instance;
  }
}
