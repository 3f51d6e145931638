import { refuse } from './service-error';
import type { Item, Value } from './value';

/** Where a value lies in an item: names of attributes and places in lists. */
export type Path = readonly [string, ...(string | number)[]];

export function valueAt(item: Item, [first, ...rest]: Path): Value | undefined {
  return rest.reduce<Value | undefined>(
    (value, step) => (typeof step === 'number' ? value?.L?.[step] : value?.M?.[step]),
    item[first],
  );
}

/** Puts a value where the path leads; a place behind the end of a list appends. */
export function withValue(item: Item, [first, ...rest]: Path, value: Value): Item {
  const known = item[first];
  if (rest.length === 0) return { ...item, [first]: value };
  return { ...item, [first]: replaced(known, rest, value) };
}

function replaced(parent: Value | undefined, [step, ...rest]: readonly (string | number)[], value: Value): Value {
  if (step === undefined) return value;
  if (typeof step === 'number' && parent?.L !== undefined) {
    const list = [...parent.L];
    const next = rest.length === 0 ? value : replaced(list[step], rest, value);
    list[Math.min(step, list.length)] = next;
    return { L: list };
  }
  if (typeof step === 'string' && parent?.M !== undefined) {
    return { M: { ...parent.M, [step]: rest.length === 0 ? value : replaced(parent.M[step], rest, value) } };
  }
  return refuse('The document path provided in the update expression is invalid for update');
}

/** Takes the values away; places in lists are those before the first is taken. */
export function withoutValues(item: Item, paths: readonly Path[]): Item {
  const fromBehind = paths.toSorted((a, b) => lastPlace(b) - lastPlace(a));
  return fromBehind.reduce(withoutValue, item);
}

const lastPlace = (path: Path): number => {
  const last = path.at(-1);
  return typeof last === 'number' ? last : 0;
};

function withoutValue(item: Item, path: Path): Item {
  const [first, ...rest] = path;
  if (rest.length === 0) return without(item, first);
  const known = item[first];
  if (known === undefined) refuse('The document path provided in the update expression is invalid for update');
  return { ...item, [first]: pruned(known, rest) };
}

function pruned(parent: Value, [step, ...rest]: readonly (string | number)[]): Value {
  const isLast = rest.length === 0;
  if (typeof step === 'number' && parent.L !== undefined) {
    const child = parent.L[step];
    if (isLast) return { L: parent.L.filter((_, at) => at !== step) };
    if (child !== undefined) return { L: parent.L.with(step, pruned(child, rest)) };
  }
  if (typeof step === 'string' && parent.M !== undefined) {
    const child = parent.M[step];
    if (isLast) return { M: without(parent.M, step) };
    if (child !== undefined) return { M: { ...parent.M, [step]: pruned(child, rest) } };
  }
  return refuse('The document path provided in the update expression is invalid for update');
}

const without = (item: Item, name: string): Item =>
  Object.fromEntries(Object.entries(item).filter(([other]) => other !== name));

/** Whether one of the paths is the other, or leads to it. */
export const overlap = (a: Path, b: Path): boolean => a.slice(0, b.length).every((step, at) => step === b[at]);

/** Only what the paths lead to; elements of lists close ranks. */
export function projected(item: Item, paths: readonly Path[]): Item {
  const tree = treeOf(paths.map((path) => path as readonly (string | number)[]));
  return picked({ M: item }, tree)?.M ?? {};
}

/** What is wanted below a step; `undefined`: all of it. */
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
    const child = typeof step === 'number' ? value.L?.[step] : value.M?.[step];
    const kept = child === undefined || below === undefined ? child : picked(child, below);
    return kept === undefined ? [] : [[step, kept] as const];
  });
  if (children.length === 0) return undefined;
  if (value.L === undefined) return { M: Object.fromEntries(children) };
  return { L: children.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, child]) => child) };
}
