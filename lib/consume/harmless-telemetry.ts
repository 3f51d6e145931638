import { errorText } from '../event/options';
import type { ConsumerTelemetry } from './ports';

/** Turns errors of the telemetry into warnings of the process: they must not end the work that it reports. */
export function harmless(telemetry: ConsumerTelemetry): ConsumerTelemetry {
  const harmlessMethods = new Map<unknown, unknown>();
  return new Proxy(telemetry, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      const known = harmlessMethods.get(method);
      if (known !== undefined) return known;
      const warn = (error: unknown): void => {
        process.emitWarning(errorText(error), { type: 'ConsumerTelemetryWarning' });
      };
      const call = (...given: unknown[]): void => {
        try {
          const result: unknown = Reflect.apply(method, target, given);
          if (result instanceof Promise) result.catch(warn);
        } catch (error) {
          warn(error);
        }
      };
      harmlessMethods.set(method, call);
      return call;
    },
  });
}
