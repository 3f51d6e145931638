import { known, type Fact } from './line';

export const NOT_LOCAL = { because: 'not checked on the local stack' } as const;

/** An error becomes the reason why the fact is unknown. An `absence` error becomes a known `undefined`. */
export function learn<T>(ask: () => Promise<T>): Promise<Fact<T>>;
export function learn<T>(ask: () => Promise<T>, absence: new (...args: never[]) => Error): Promise<Fact<T | undefined>>;
export async function learn<T>(
  ask: () => Promise<T>,
  absence?: new (...args: never[]) => Error,
): Promise<Fact<T | undefined>> {
  try {
    return known(await ask());
  } catch (error) {
    if (absence !== undefined && error instanceof absence) return known(undefined);
    if (!(error instanceof Error)) return { because: String(error) };
    // DynamoDB Local knows fewer operations than DynamoDB.
    return error.name === 'UnknownOperationException' ? NOT_LOCAL : { because: `${error.name}: ${error.message}` };
  }
}
