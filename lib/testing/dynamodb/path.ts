import { refuse } from './service-error';
import type { Tokens } from './tokens';
import type { Item, Value } from './value';

/** Where a value lies in an item: names of attributes and places in lists. */
export type Path = readonly [string, ...(string | number)[]];

export function valueAt(item: Item, path: Path): Value | undefined {
  return path.reduce<Value | undefined>(stepInto, { M: item });
}

function stepInto(value: Value | undefined, step: string | number): Value | undefined {
  if (typeof step === 'number') return value?.L?.[step];
  // An attribute may have the name of something that every object has.
  return value?.M !== undefined && Object.hasOwn(value.M, step) ? value.M[step] : undefined;
}

/** Puts a value where the path leads; a place behind the end of a list appends. */
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

/** Takes the values away; places in lists are those before the first is taken. */
export const withoutValues = (item: Item, paths: readonly Path[]): Item =>
  paths.toSorted((a, b) => inOrder(b, a)).reduce((state, path) => pruned({ M: state }, path).M ?? {}, item);

/** By names, and in a list by places. */
export function inOrder(a: Path, b: Path): number {
  const differs = a.findIndex((step, at) => step !== b[at]);
  const [left, right] = [a[differs], b[differs]];
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left) < String(right) ? -1 : 1;
}

/** Refuses a path whose last step has nothing to stand in. */
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

/** Refuses paths of which one is the other or leads to it, and two that take one value for a list and for a map. */
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
    const child = stepInto(value, step);
    const kept = child === undefined || below === undefined ? child : picked(child, below);
    return kept === undefined ? [] : [[step, kept] as const];
  });
  if (children.length === 0) return undefined;
  if (value.L === undefined) return { M: Object.fromEntries(children) };
  return { L: children.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, child]) => child) };
}
