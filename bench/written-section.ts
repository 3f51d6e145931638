import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Replaces the part of a page that a benchmark writes, between `<!-- bench:name -->` and `<!-- /bench:name -->`.
 *
 * @throws Error if the page does not have both marks, once and in this order.
 */
export function withSection(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [before, rest, ...more] = page.split(open);
  const [, after, ...others] = rest?.split(close) ?? [];
  if (before === undefined || after === undefined || more.length > 0 || others.length > 0) {
    throw new Error(`The page must have the marks ${open} and ${close} once, in this order.`);
  }
  return `${before}${open}\n\n${text.trim()}\n\n${close}${after}`;
}

export const writeSection = (file: string, name: string, text: string): void =>
  writeFileSync(file, withSection(readFileSync(file, 'utf8'), name, text));
