import type { OnProgress, Progress } from './progress';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;
const CLEAR_LINE = '\r\u001b[2K';

export interface ProgressLines {
  readonly onProgress: OnProgress;
  /** Removes the spinner; call it before anything else is printed. */
  end(): void;
}

/** `  12.3 s  start Apache Kafka (one node)` */
export const progressLine = ({ step, state, detail, elapsedMs }: Progress): string =>
  `${(elapsedMs / 1000).toFixed(1).padStart(6)} s  ${step}${detail === undefined ? '' : `: ${detail}`}${state === 'failed' ? ' FAILED' : ''}`;

/** Prints one line for each step that has ended; on a terminal also a moving line with the running steps. */
export function progressLines(output: NodeJS.WriteStream): ProgressLines {
  const running = new Map<string, { readonly progress: Progress; readonly reportedAt: number }>();
  let frame = 0;
  const clear = (): void => {
    if (output.isTTY) output.write(CLEAR_LINE);
  };
  const draw = (): void => {
    if (running.size === 0) return;
    const now = performance.now();
    const text = [...running.values()]
      .map(({ progress: { step, detail, elapsedMs }, reportedAt }) => {
        const seconds = ((elapsedMs + now - reportedAt) / 1000).toFixed(0);
        return `${step}${detail === undefined ? '' : `: ${detail}`} ${seconds} s`;
      })
      .join(' · ');
    frame = (frame + 1) % FRAMES.length;
    output.write(`${CLEAR_LINE}${FRAMES[frame] ?? ''} ${text}`.slice(0, output.columns + CLEAR_LINE.length - 1));
  };
  const timer = output.isTTY ? setInterval(draw, FRAME_MS) : undefined;
  const onProgress: OnProgress = (progress) => {
    if (progress.state === 'running') {
      running.set(progress.step, { progress, reportedAt: performance.now() });
      return;
    }
    running.delete(progress.step);
    clear();
    output.write(`${progressLine(progress)}\n`);
  };
  const end = (): void => {
    clearInterval(timer);
    clear();
  };
  return { onProgress, end };
}
