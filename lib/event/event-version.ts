/** Turns data of one version of a type into data of the next. Never sees data that was written by a newer version. */
export type Upcaster = (data: never) => unknown;

/** The upcaster of version `n` makes version `n + 1`. */
export type Upcasters = Readonly<Record<number, Upcaster>>;

export const FIRST_VERSION = 1;

const VERSION_SUFFIX = /^(.+)\.v([2-9]|[1-9]\d{1,8})$/s;

/** `ce_type` of a version: the type itself for the first, `<type>.v<version>` for every later one. */
export const writtenType = (type: string, version = FIRST_VERSION): string =>
  version === FIRST_VERSION ? type : `${type}.v${version}`;

/** What a `ce_type` with a version says; `undefined` for one without. */
export function splitWrittenType(written: string): { readonly type: string; readonly version: number } | undefined {
  const [, type, version] = VERSION_SUFFIX.exec(written) ?? [];
  return type === undefined ? undefined : { type, version: Number(version) };
}

/**
 * The versions that can be read: the newest, and each from which upcasters lead up to it.
 *
 * @returns the oldest of them
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
