import type { Gate } from './gate';
import type { Patience } from './patience';
import type { ConsumerTelemetry } from './ports';
import { TableUnavailable } from './unavailable';

/** Starts attempts when the gate allows it, and reports to the gate whether the table is available. */
export class Guard {
  readonly #gate: Gate;
  readonly #telemetry: ConsumerTelemetry;

  constructor(gate: Gate, telemetry: ConsumerTelemetry) {
    this.#gate = gate;
    this.#telemetry = telemetry;
  }

  /** @throws TableUnavailable if no attempt began or the table is unavailable; else the error of `attempt`. */
  async run<T>(patience: Patience, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    if (!(await patience.enter(this.#gate, signal))) throw new TableUnavailable('The table is unavailable.');
    if (signal.aborted) {
      this.#gate.left();
      throw new TableUnavailable('The message is not needed any more.');
    }
    try {
      const result = await attempt();
      this.#opened();
      return result;
    } catch (error) {
      if (error instanceof TableUnavailable) {
        if (this.#gate.closed()) this.#telemetry.outage(error);
      } else {
        // A handler can fail before the consumer calls the table.
        this.#gate.left();
      }
      throw error;
    }
  }

  #opened(): void {
    if (this.#gate.isClosed) this.#telemetry.outageOver();
    this.#gate.opened();
  }
}
