/** DynamoDB did not complete some work within the time that the invocation had for it. */
export class TimeLimitExceeded extends Error {
  override readonly name = 'TimeLimitExceeded';
}

/** One time limit for several calls, sequential or concurrent. */
export interface TimeLimit {
  /** Starts the call unless the time is up. When the time is up, rejects at once and aborts the call. */
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
