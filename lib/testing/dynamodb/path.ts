import { refuse } from './service-error';
import type { Tokens } from './tokens';
import type { Item, Value } from './value';

/** The place of a value in an item: attribute names and list indexes. */
export type Path = readonly [string, ...(string | number)[]];

export function valueAt(item: Item, path: Path): Value | undefined {
  return path.reduce<Value | undefined>(stepInto, { M: item });
}

function stepInto(value: Value | undefined, step: string | number): Value | undefined {
  if (typeof step === 'number') return value?.L?.[step];
  // An attribute may have the name of a property of `Object.prototype`.
  return value?.M !== undefined && Object.hasOwn(value.M, step) ? value.M[step] : undefined;
}

/** Sets the value at a path. An index behind the end of a list appends. */
export const withValue = (item: Item, path: Path, value: Value): Item => replaced({ M: item }, path, value).M ?? {};

function replaced(parent: Value | undefined, [step, ...rest]: readonly (string | number)[], value: Value): Value {
  if (step === undefined) return value;
  const next = (): Value => replaced(rest.length === 0 ? value : stepInto(parent, step), rest, value);
  if (typeof step === 'number' && parent?.L !== undefined) {
    const list = [...parent.L];
    list[Math.min(step, list.length)] = next();
    return { L: list };
  }
  if (typeof step === 'string' && parent?.M !== undefined) return { M: { ...parent.M, [step]: next() } };
  return refuse(INVALID_PATH);
}

/** Removes the values. List indexes refer to the list before the first removal. */
export const withoutValues = (item: Item, paths: readonly Path[]): Item =>
  paths.toSorted((a, b) => inOrder(b, a)).reduce((state, path) => pruned({ M: state }, path).M ?? {}, item);

/** Sorts by names, and within a list by index. */
export function inOrder(a: Path, b: Path): number {
  const differs = a.findIndex((step, at) => step !== b[at]);
  const [left, right] = [a[differs], b[differs]];
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left) < String(right) ? -1 : 1;
}

/** Refuses a path whose parent does not exist. */
export function checkParent(item: Item, path: Path): void {
  const parent = path.slice(0, -1).reduce<Value | undefined>(stepInto, { M: item });
  const isThere = typeof path.at(-1) === 'number' ? parent?.L !== undefined : parent?.M !== undefined;
  if (!isThere) refuse(INVALID_PATH);
}

const INVALID_PATH = 'The document path provided in the update expression is invalid for update';

function pruned(parent: Value, [step, ...rest]: readonly (string | number)[]): Value {
  const isLast = rest.length === 0;
  const child = step === undefined ? undefined : stepInto(parent, step);
  if (typeof step === 'number' && parent.L !== undefined) {
    if (isLast) return { L: parent.L.filter((_, at) => at !== step) };
    if (child !== undefined) return { L: parent.L.with(step, pruned(child, rest)) };
  }
  if (typeof step === 'string' && parent.M !== undefined) {
    if (isLast) return { M: without(parent.M, step) };
    if (child !== undefined) return { M: { ...parent.M, [step]: pruned(child, rest) } };
  }
  return refuse(INVALID_PATH);
}

const without = (item: Item, name: string): Item =>
  Object.fromEntries(Object.entries(item).filter(([other]) => other !== name));

/** Refuses paths that are equal or contain each other, and paths that use one value both as a list and as a map. */
export function checkApart(tokens: Tokens, paths: readonly Path[]): void {
  for (const [at, path] of paths.entries()) {
    for (const other of paths.slice(at + 1)) {
      const differs = path.findIndex((step, depth) => step !== other[depth]);
      const [left, right] = [path[differs], other[differs]];
      const how =
        left === undefined || right === undefined ? 'overlap' : typeof left === typeof right ? undefined : 'conflict';
      if (how === undefined) continue;
      tokens.fail(`Two document paths ${how} with each other; must remove or rewrite one of these paths;`);
    }
  }
}

/** Keeps only the values at the paths. The kept elements of a list move together. */
export function projected(item: Item, paths: readonly Path[]): Item {
  const tree = treeOf(paths.map((path) => path as readonly (string | number)[]));
  return picked({ M: item }, tree)?.M ?? {};
}

/** The wanted values below a step; `undefined` means all of them. */
type Tree = ReadonlyMap<string | number, Tree | undefined>;

function treeOf(paths: readonly (readonly (string | number)[])[]): Tree {
  const byStep = Map.groupBy(paths, ([step]) => step ?? '');
  return new Map(
    [...byStep].map(([step, below]) => [
      step,
      below.some(({ length }) => length === 1) ? undefined : treeOf(below.map((path) => path.slice(1))),
    ]),
  );
}

function picked(value: Value, tree: Tree): Value | undefined {
  const children = [...tree].flatMap(([step, below]) => {
    const child = stepInto(value, step);
    const kept = child === undefined || below === undefined ? child : picked(child, below);
    return kept === undefined ? [] : [[step, kept] as const];
  });
  if (children.length === 0) return undefined;
  if (value.L === undefined) return { M: Object.fromEntries(children) };
  return { L: children.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, child]) => child) };
}
