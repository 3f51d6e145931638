import { once } from 'node:events';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Control characters that a terminal would obey, except the styles used here; tabs move only the text after them. */
// eslint-disable-next-line no-control-regex
const CONTROL = /\u001b\[(?:[12]|22|3[1-3]|39)m|(?!\t)[\u0000-\u001f\u007f-\u009f]/g;

/** Keys and messages may contain anything: they must not move the cursor or break a line. */
const printable = (text: string): string =>
  text.replace(CONTROL, (found) => (found.length > 1 ? found : escaped(found)));

const escaped = (control: string): string =>
  control < ' ' ? JSON.stringify(control).slice(1, -1) : `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Ignores a closed pipe: a reader such as `head` has seen enough, and the command has done its work. */
export function allowClosed(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** Prints results: text for a person, or JSON for a program. Only a terminal gets colours. */
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

  /** Prints the result: `value` for a program, the lines of `text` for a person. */
  result(value: unknown, text: () => readonly string[]): void {
    this.#clear();
    this.#out.write(`${this.json ? JSON.stringify(value) : text().map(printable).join('\n')}\n`);
  }

  /** Prints a part of a result at once, for a person alone. A program gets the whole by `result`. */
  part(lines: readonly string[]): void {
    if (this.json || lines.length === 0) return;
    this.#clear();
    this.#out.write(`${lines.map(printable).join('\n')}\n`);
  }

  /**
   * A result that is too large for memory: a JSON object with the list `name`, whose elements are written as they come.
   * `end` adds the other fields.
   */
  jsonList(name: string): { add(element: unknown): Promise<void>; end(fields: object): Promise<void> } {
    let before = `{${JSON.stringify(name)}:[`;
    const write = async (text: string): Promise<void> => {
      this.#clear();
      if (!this.#out.write(text)) await Promise.race([once(this.#out, 'drain'), once(this.#out, 'close')]);
    };
    return {
      add: async (element) => {
        const text = before + JSON.stringify(element);
        before = ',';
        await write(text);
      },
      end: async (fields) => {
        const list = before === ',' ? ']' : `${before}]`;
        await write(`${list},${JSON.stringify(fields).slice(1)}\n`);
      },
    };
  }

  /** Prints to stderr, next to the result, for a person alone. */
  note(text: string): void {
    this.#clear();
    this.#err.write(`${text.split('\n').map(printable).join('\n')}\n`);
  }

  /** Prints a line that the next one overwrites; nothing if stderr is no terminal. */
  progress(text: string): void {
    if (!this.#err.isTTY) return;
    this.#clear();
    // Without a known width, the text is not cut.
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
