import { evaluationRange, nextState, type AlarmState } from './alarm-state';
import { runQueries } from './metric-query';
import type { MetricStore } from './metric-store';
import type { Alarm, MetricAlarm } from './monitoring-template';
import { localPeriodMs, type TimeScale } from './time-scale';

/** An alarm as the console shows it. */
export interface AlarmStatus {
  readonly name: string;
  readonly description: string;
  readonly runbook?: string;
  readonly kind: Alarm['kind'];
  readonly state: AlarmState;
  /** Epoch milliseconds. */
  readonly stateSinceMs: number;
  /** Whether it is still in its warm-up, in which it is not evaluated. */
  readonly isWarmingUp: boolean;
}

interface Watched {
  readonly alarm: Alarm;
  state: AlarmState;
  sinceMs: number;
}

/** Evaluates the alarms of a template against the store. Composite alarms follow the metric alarms at once. */
export class AlarmMonitor {
  readonly #store: MetricStore;
  readonly #scale: TimeScale;
  readonly #startedAtMs: number;
  readonly #watched = new Map<string, Watched>();

  constructor(alarms: readonly Alarm[], store: MetricStore, scale: TimeScale, nowMs: number) {
    this.#store = store;
    this.#scale = scale;
    this.#startedAtMs = nowMs;
    for (const alarm of alarms) this.#watched.set(alarm.name, { alarm, state: 'INSUFFICIENT_DATA', sinceMs: nowMs });
  }

  /** One evaluation. CloudWatch makes one a minute. */
  evaluate(nowMs: number): void {
    for (const watched of this.#watched.values()) {
      const { alarm, state } = watched;
      if (alarm.kind === 'metric' && !this.#isWarmingUp(alarm, nowMs)) {
        this.#set(watched, nextState(state, this.#rangeOf(alarm, nowMs), alarm.condition), nowMs);
      }
    }
    // A rule may refer to another composite alarm: repeated until nothing changes.
    const composites = [...this.#watched.values()].filter(({ alarm }) => alarm.kind === 'composite');
    let changed: readonly Watched[];
    do changed = composites.filter((watched) => this.#set(watched, this.#compositeState(watched.alarm), nowMs));
    while (changed.length > 0);
  }

  /** In the order of the template. */
  statuses(nowMs: number): AlarmStatus[] {
    return [...this.#watched.values()].map(({ alarm, state, sinceMs }) => ({
      name: alarm.name,
      description: alarm.description,
      runbook: alarm.runbook,
      kind: alarm.kind,
      state,
      stateSinceMs: sinceMs,
      isWarmingUp: this.#isWarmingUp(alarm, nowMs),
    }));
  }

  #rangeOf(alarm: MetricAlarm, nowMs: number): readonly (number | undefined)[] {
    const periodMs = localPeriodMs(alarm.periodSeconds, this.#scale);
    const periods = evaluationRange(alarm.condition);
    // The periods end at the evaluation, as those of CloudWatch do for periods longer than a minute.
    const window = { fromMs: nowMs - periods * periodMs, periodMs, periods };
    const [result] = runQueries(alarm.queries, window, this.#store);
    return result?.series ?? [];
  }

  #compositeState(alarm: Alarm): AlarmState {
    if (alarm.kind === 'metric') return 'OK';
    return alarm.rule((name) => this.#watched.get(name)?.state ?? 'INSUFFICIENT_DATA') ? 'ALARM' : 'OK';
  }

  #set(watched: Watched, state: AlarmState, nowMs: number): boolean {
    if (watched.state === state) return false;
    watched.state = state;
    watched.sinceMs = nowMs;
    return true;
  }

  #isWarmingUp(alarm: Alarm, nowMs: number): boolean {
    if (alarm.kind === 'composite' || alarm.warmUpSeconds === 0) return false;
    return nowMs < this.#startedAtMs + localPeriodMs(alarm.warmUpSeconds, this.#scale);
  }
}
