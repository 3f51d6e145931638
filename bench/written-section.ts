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

/** A part of a report, with a page's place for it. */
export interface Section {
  readonly name: string;
  readonly title: string;
  /** Markdown without a heading. */
  readonly text: string;
}

/** Replaces the given sections; all others keep their figures and dates. */
export function writeSections(file: string, sections: readonly Section[]): void {
  const page = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    sections.reduce((written, { name, text }) => withSection(written, name, text), page),
  );
}

export const printed = (sections: readonly Section[]): string =>
  sections.map(({ title, text }) => `### ${title}\n\n${text}`).join('\n\n');
