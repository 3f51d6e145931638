/**
 * Runs `work` in a task of its own, so that it may call `runMicrotasks`.
 *
 * @returns what `work` returns or throws
 */
export const inOwnTask = <T>(work: () => T): Promise<T> =>
  new Promise((resolve) => {
    setImmediate(() => {
      // An error becomes a rejection.
      resolve(
        new Promise<T>((settle) => {
          settle(work());
        }),
      );
    });
  });

const { _tickCallback: tick } = process as unknown as { readonly _tickCallback?: () => void };

/**
 * Runs everything that waits for no timer and no I/O: the microtasks, and those that they cause. Works only in a task of
 * its own (`inOwnTask`), because V8 does not nest them.
 *
 * A simulation does this thousands of times in a history. To wait for `setImmediate` instead takes ten times as long,
 * because each turn of the event loop asks the operating system for I/O.
 */
export function runMicrotasks(): void {
  if (tick === undefined) throw new Error('This version of Node.js has no process._tickCallback().');
  tick();
}
