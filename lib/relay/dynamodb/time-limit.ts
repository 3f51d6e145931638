/** DynamoDB did not complete a piece of work within the time that the invocation had for it. */
export class TimeLimitExceeded extends Error {
  override readonly name = 'TimeLimitExceeded';
}

/** One time limit for several calls, one after the other or at once. */
export interface TimeLimit {
  /** Starts the call unless the time is up. Rejects when it is, whatever the call does then, and aborts the call. */
  within<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Must be called at the end. */
  end(): void;
}

export function timeLimit(ms: number): TimeLimit {
  const controller = new AbortController();
  const { signal } = controller;
  const exceeded = new TimeLimitExceeded(`DynamoDB did not complete the work within ${ms} ms.`);
  const timer = ms > 0 ? setTimeout(() => controller.abort(exceeded), ms) : undefined;
  if (ms <= 0) controller.abort(exceeded);
  return {
    within: (call) =>
      new Promise((resolve, reject) => {
        const expire = (): void => reject(exceeded);
        if (signal.aborted) {
          expire();
          return;
        }
        signal.addEventListener('abort', expire, { once: true });
        void Promise.resolve()
          .then(() => call(signal))
          .then(resolve, reject)
          .finally(() => signal.removeEventListener('abort', expire));
      }),
    end: () => clearTimeout(timer),
  };
}
