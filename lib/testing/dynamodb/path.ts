import { refuse } from './errors';
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
export const withValue = (item: Item, path: Path, value: Value): Item =>
  changed(item, path, (parent, step) => withChild(parent, step, value));

/** Removes the values. List indexes refer to the list before the first removal. */
export const withoutValues = (item: Item, paths: readonly Path[]): Item =>
  paths.toSorted((a, b) => inOrder(b, a)).reduce((state, path) => changed(state, path, withoutChild), item);

/** Changes the list or map that a path leads into at its last step. */
type Change = (parent: Value | undefined, step: string | number) => Value;

const changed = (item: Item, path: Path, change: Change): Item => copied({ M: item }, path, change).M ?? {};

/** Copies a value along the steps, because stored items must not change. */
function copied(parent: Value | undefined, [step, ...rest]: readonly (string | number)[], change: Change): Value {
  if (step === undefined) return refuse(INVALID_PATH);
  return rest.length === 0
    ? change(parent, step)
    : withChild(parent, step, copied(stepInto(parent, step), rest, change));
}

function withChild(parent: Value | undefined, step: string | number, child: Value): Value {
  if (typeof step === 'string' && parent?.M !== undefined) return { M: { ...parent.M, [step]: child } };
  if (typeof step === 'string' || parent?.L === undefined) return refuse(INVALID_PATH);
  const list = [...parent.L];
  list[Math.min(step, list.length)] = child;
  return { L: list };
}

function withoutChild(parent: Value | undefined, step: string | number): Value {
  if (typeof step === 'number' && parent?.L !== undefined) return { L: parent.L.filter((_, at) => at !== step) };
  if (typeof step === 'number' || parent?.M === undefined) return refuse(INVALID_PATH);
  return { M: Object.fromEntries(Object.entries(parent.M).filter(([name]) => name !== step)) };
}

/** Sorts by names, and within a list by index. */
export function inOrder(a: Path, b: Path): number {
  const differs = a.findIndex((step, at) => step !== b[at]);
  const [left, right] = [a[differs], b[differs]];
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left) < String(right) ? -1 : 1;
}

export function checkParent(item: Item, path: Path): void {
  const parent = path.slice(0, -1).reduce<Value | undefined>(stepInto, { M: item });
  const isThere = typeof path.at(-1) === 'number' ? parent?.L !== undefined : parent?.M !== undefined;
  if (!isThere) refuse(INVALID_PATH);
}

const INVALID_PATH = 'The document path provided in the update expression is invalid for update';

/** Keeps only the values at the paths, or all if there are none. The kept elements of a list move together. */
export const projected = (item: Item, paths: readonly Path[] | undefined): Item =>
  paths === undefined ? item : (picked({ M: item }, treeOf(paths))?.M ?? {});

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
