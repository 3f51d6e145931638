/** The state of one step; `running` may come several times, each with another `detail`. */
export interface Progress {
  readonly step: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly detail?: string;
  readonly elapsedMs: number;
}

export type OnProgress = (progress: Progress) => void;

/** Runs one step and reports its start, its details and its end. */
export async function reportStep<T>(
  onProgress: OnProgress,
  step: string,
  work: (detail: (text: string) => void) => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  let last: string | undefined;
  const report = (state: Progress['state'], detail = last): void => {
    last = detail;
    onProgress({ step, state, detail, elapsedMs: performance.now() - startedAt });
  };
  report('running');
  try {
    const result = await work((text) => report('running', text));
    report('done');
    return result;
  } catch (error) {
    report('failed');
    throw error;
  }
}
