import type { ConsumerTelemetry } from '../consume/ports';
import { SILENT } from '../consume/telemetry';

type Call = (...values: unknown[]) => void;

/** Calls every method of the consumer's own telemetry, and those that `watch` has. */
export function watchedTelemetry(own: ConsumerTelemetry, watch: Partial<ConsumerTelemetry>): ConsumerTelemetry {
  const names = Object.keys(SILENT) as (keyof ConsumerTelemetry)[];
  const calls = names.map((name): [string, Call] => [
    name,
    (...values) => {
      (watch[name] as Call | undefined)?.(...values);
      // Methods that were added to the interface later are optional.
      (own[name] as Call | undefined)?.apply(own, values);
    },
  ]);
  return Object.fromEntries(calls) as unknown as ConsumerTelemetry;
}
