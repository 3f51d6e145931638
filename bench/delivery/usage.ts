import { readdirSync, readFileSync } from 'node:fs';

/** The processes of a measured side. A process id may come and go. */
export type PidsOf<Group extends string> = () => Readonly<Record<Group, readonly number[]>>;

interface Sample<Group extends string> {
  readonly at: number;
  readonly cpuMs: Readonly<Record<Group, number>>;
}

const SAMPLE_MS = 200;
/** Linux reports processor time in hundredths of a second. */
const MS_PER_TICK = 10;
const BYTES_PER_KB = 1_024;

/** Samples processor time and memory of groups of processes, from /proc. */
export class UsageSampler<Group extends string> {
  readonly #pidsOf: PidsOf<Group>;
  readonly #samples: Sample<Group>[] = [];
  /** The last value of each process, so that the time of one that ended stays counted. */
  readonly #cpuOfPid = new Map<string, number>();
  readonly #peakKb = new Map<Group, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(pidsOf: PidsOf<Group>) {
    this.#pidsOf = pidsOf;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#sample();
  }

  /** Processor time between two times, in epoch milliseconds. Values between samples are interpolated. */
  cpuMs(group: Group, from: number, to: number): number {
    return this.#cpuAt(group, to) - this.#cpuAt(group, from);
  }

  /** The highest resident memory of the group's processes together. */
  peakRssBytes(group: Group): number {
    return (this.#peakKb.get(group) ?? 0) * BYTES_PER_KB;
  }

  #cpuAt(group: Group, at: number): number {
    const after = this.#samples.findIndex((sample) => sample.at >= at);
    const [before, next] = [this.#samples[Math.max(0, after - 1)], this.#samples.at(after)];
    if (before === undefined || next === undefined) throw new RangeError('There are no samples.');
    if (next.at <= before.at) return next.cpuMs[group];
    const share = (at - before.at) / (next.at - before.at);
    return before.cpuMs[group] + Math.min(1, Math.max(0, share)) * (next.cpuMs[group] - before.cpuMs[group]);
  }

  #sample(): void {
    const pids = this.#pidsOf();
    for (const group of Object.keys(pids) as Group[]) {
      let residentKb = 0;
      for (const pid of pids[group]) {
        const usage = usageOf(pid);
        if (usage === undefined) continue;
        this.#cpuOfPid.set(`${group} ${pid}`, usage.cpuMs);
        residentKb += usage.residentKb;
      }
      this.#peakKb.set(group, Math.max(residentKb, this.#peakKb.get(group) ?? 0));
    }
    const sumOf = (group: Group): number =>
      [...this.#cpuOfPid].reduce((sum, [name, ms]) => (name.startsWith(`${group} `) ? sum + ms : sum), 0);
    this.#samples.push({
      at: Date.now(),
      cpuMs: Object.fromEntries((Object.keys(pids) as Group[]).map((group) => [group, sumOf(group)])) as Record<
        Group,
        number
      >,
    });
  }
}

/** `undefined`: the process has ended. */
function usageOf(pid: number): { readonly cpuMs: number; readonly residentKb: number } | undefined {
  try {
    const [userTicks, systemTicks] = cpuTicksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    const [, residentKb] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return { cpuMs: (userTicks + systemTicks) * MS_PER_TICK, residentKb: Number(residentKb ?? 0) };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** The name of the program, the second field, may contain spaces and parentheses. */
export function cpuTicksOf(stat: string): readonly [user: number, system: number] {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [Number(fields[11]), Number(fields[12])];
}

/** The processes whose parent is `pid`, and `pid` itself. */
export function withChildren(pid: number): readonly number[] {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === pid);
  return [pid, ...children.map(Number)];
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** The load average of the last minute: figures of a busy machine say little. */
export const loadAverage = (): number => Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]);
