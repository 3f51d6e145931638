import type { CircuitBreaker } from './circuit-breaker';
import type { Patience } from './patience';
import type { ConsumerTelemetry } from './ports';
import { TableUnavailable } from './outage-errors';

/** Starts attempts when the gate allows it, and reports to the gate whether the table is available. */
export class Guard {
  readonly #gate: CircuitBreaker;
  readonly #telemetry: ConsumerTelemetry;

  constructor(gate: CircuitBreaker, telemetry: ConsumerTelemetry) {
    this.#gate = gate;
    this.#telemetry = telemetry;
  }

  /** @throws TableUnavailable if no attempt began or the table is unavailable; else the error of `attempt`. */
  async run<T>(patience: Patience, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    if (!(await patience.enter(this.#gate, signal))) throw new TableUnavailable('The table is unavailable.');
    if (signal.aborted) {
      this.#gate.release();
      throw new TableUnavailable('The message is not needed any more.');
    }
    try {
      const result = await attempt();
      this.#opened();
      return result;
    } catch (error) {
      if (error instanceof TableUnavailable) {
        if (this.#gate.recordFailure()) this.#telemetry.outage(error);
      } else {
        // A handler can fail before the consumer calls the table.
        this.#gate.release();
      }
      throw error;
    }
  }

  #opened(): void {
    if (this.#gate.isOpen) this.#telemetry.outageOver();
    this.#gate.recordSuccess();
  }
}
