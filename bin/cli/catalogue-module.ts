import { namedMessageOf } from '../../lib/event/errors';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EventCatalogue } from '../../lib/event/catalogue';
import { isRecord } from '../../lib/event/options';
import { SessionError } from './session';

/**
 * The catalogue that a module exports: `./dist/events.js`, or `./dist/events.js#shopEvents` where it exports several.
 * Runs the module, as any import does.
 */
export async function loadCatalogue(reference: string): Promise<EventCatalogue> {
  const [path = '', name] = reference.split('#');
  const file = resolve(path);
  if (!existsSync(file)) throw new SessionError(`--catalogue: there is no file ${path}. Is it compiled?`);
  const exported = exportsOf(await importModule(path, file));
  const catalogues = [...exported].filter((each): each is [string, EventCatalogue] => isCatalogue(each[1]));
  if (name !== undefined) {
    const found = catalogues.find(([each]) => each === name);
    if (found === undefined)
      throw new SessionError(`--catalogue: ${path} exports no catalogue "${name}". ${hint(catalogues)}`);
    return found[1];
  }
  const [first, ...others] = new Map(catalogues.map(([each, catalogue]) => [catalogue, each] as const));
  if (first === undefined || others.length > 0) {
    const what = first === undefined ? 'no catalogue' : 'several catalogues';
    throw new SessionError(`--catalogue: ${path} exports ${what}. ${hint(catalogues)}`);
  }
  return first[0];
}

async function importModule(path: string, file: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (cause) {
    const why = namedMessageOf(cause);
    throw new SessionError(`--catalogue: ${path} cannot be loaded. ${why}`, { cause });
  }
}

/** Some names of a CommonJS module appear only on its `default`. */
function exportsOf(module: unknown): Map<string, unknown> {
  const own = isRecord(module) ? module : {};
  const whole = own['default'];
  const inner = isRecord(whole) && !isCatalogue(whole) ? Object.entries(whole) : [];
  return new Map([...inner, ...Object.entries(own)]);
}

/** Accepts a catalogue of any copy of the package that supports versions. */
const isCatalogue = (value: unknown): value is EventCatalogue =>
  isRecord(value) &&
  isRecord(value['definitions']) &&
  typeof value['definitionOf'] === 'function' &&
  typeof value['resolve'] === 'function';

const hint = (catalogues: readonly (readonly [string, unknown])[]): string =>
  catalogues.length === 0
    ? 'Name a module that exports the result of defineEvents.'
    : `Name one of them: ${catalogues.map(([name]) => `#${name}`).join(', ')}.`;
