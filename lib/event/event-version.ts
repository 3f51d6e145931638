/** Converts data of one version of a type to the next. Never receives data that a newer version wrote. */
export type Upcaster = (data: never) => unknown;

/** The upcaster of version `n` creates version `n + 1`. */
export type Upcasters = Readonly<Record<number, Upcaster>>;

export const FIRST_VERSION = 1;

const VERSION_SUFFIX = /^(.+)\.v([2-9]|[1-9]\d{1,8})$/s;

/** The `ce_type` of a version: the type itself for the first, `<type>.v<version>` for every later one. */
export const writtenType = (type: string, version = FIRST_VERSION): string =>
  version === FIRST_VERSION ? type : `${type}.v${version}`;

/** Splits a `ce_type` with a version; `undefined` for one without. */
export function splitWrittenType(written: string): { readonly type: string; readonly version: number } | undefined {
  const [, type, version] = VERSION_SUFFIX.exec(written) ?? [];
  return type === undefined ? undefined : { type, version: Number(version) };
}

/**
 * The readable versions are the newest and each one from which upcasters lead to it.
 *
 * @returns the oldest readable version
 */
export function oldestReadable({
  version = FIRST_VERSION,
  upcasters = {},
}: {
  readonly version?: number;
  readonly upcasters?: Upcasters;
}): number {
  let oldest = version;
  while (Object.hasOwn(upcasters, oldest - 1)) oldest--;
  return oldest;
}
