import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where results go: text for a person, or JSON for a program. Colours are left out unless it is a terminal. */
export class Terminal {
  readonly json: boolean;
  readonly #out: NodeJS.WriteStream;
  readonly #err: NodeJS.WriteStream;
  #hasProgress = false;

  constructor({ json, out = process.stdout, err = process.stderr }: TerminalOptions) {
    this.json = json;
    this.#out = out;
    this.#err = err;
  }

  /** The result: `value` for a program, the lines of `text` for a person. */
  result(value: unknown, text: () => readonly string[]): void {
    this.#clear();
    this.#out.write(`${this.json ? JSON.stringify(value) : text().join('\n')}\n`);
  }

  /** Beside the result, for a person alone. */
  note(text: string): void {
    this.#clear();
    this.#err.write(`${text}\n`);
  }

  /** One line that is written over by the next; nothing where nobody watches. */
  progress(text: string): void {
    if (!this.#err.isTTY) return;
    this.#clear();
    // A terminal that tells no width has none to keep to.
    this.#err.write(text.slice(0, (this.#err.columns || Infinity) - 1));
    this.#hasProgress = true;
  }

  style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#out });
  }

  #clear(): void {
    if (!this.#hasProgress) return;
    this.#err.write('\r\u001b[2K');
    this.#hasProgress = false;
  }
}

export interface TerminalOptions {
  readonly json: boolean;
  readonly out?: NodeJS.WriteStream;
  readonly err?: NodeJS.WriteStream;
}
