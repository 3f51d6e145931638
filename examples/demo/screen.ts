import { styleText } from 'node:util';
import type { Journey, Journeys } from './journeys';
import { describe, type Command } from './plan';
import type { OwnRead } from './record';
import { isPassed, verdictWords, type Verdict } from './verdict';

/** The display of the demo. */
export interface Screen {
  /** After the stack has started. */
  begin(writers: number): void;
  refused(writer: number, command: Command, reason: string): void;
  /** A caller has waited until shipping's read model had its write, and has read it there. */
  read(read: OwnRead): void;
  /** Several times a second. */
  update(journeys: Journeys): void;
  waiting(): void;
  end(verdict: Verdict): void;
}

const CLEAR_LINE = '\r\u001b[2K';
/** Enough to understand; more would only scroll past. */
const MAX_LINES = 120;
const REPORT_EVERY_MS = 2_000;

type Style = Parameters<typeof styleText>[0];

/** Prints a line for each event whose journey has ended; on a terminal also a line with counts. */
export class TerminalScreen implements Screen {
  #lines = 0;
  readonly #reads: OwnRead[] = [];
  readonly #output: NodeJS.WriteStream;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  begin(writers: number): void {
    const instances = writers === 1 ? 'one instance' : `${writers} instances`;
    this.#line(`
${this.#style('bold', 'Every line below is one event on its way from the order service to Kafka.')}

  ${this.#style('cyan', 'commit')}  ${instances} of an order service write${writers === 1 ? 's' : ''} orders, stock and their events to DynamoDB.
          Lines with one number, such as #7, are one transaction: all of it is written, or none.
  ${this.#style('green', 'topic')}   The relay, woken by the table's stream, has published the event; our consumer has received it:
          topic, partition, offset, and the time since the commit. A key keeps its order: v1, v2, v3.
  ${this.#style('magenta', 'mark')}    The relay has noted on the outbox item when Kafka confirmed the event; our consumer may get it a moment
          later. Only with a mark does an item expire.
  ${this.#style('blue', '↩')}       Shipping, another service, keeps a read model of the orders by these events. Every fifth of them is
          delivered to it twice on purpose. Whoever shipped or cancelled an order waits until the read model has
          that write, and reads it there.

${this.#style('dim', HEADINGS)}`);
  }

  refused(writer: number, command: Command, reason: string): void {
    if (this.#lines >= MAX_LINES) return;
    this.#line(this.#style('yellow', `    –  writer ${writer}  ${describe(command)} refused: ${reason} No event.`));
  }

  read(read: OwnRead): void {
    this.#reads.push(read);
  }

  update(journeys: Journeys): void {
    for (const journey of journeys.takeComplete()) {
      this.#lines += 1;
      if (this.#lines <= MAX_LINES) this.#line(this.#journeyLine(journey));
      else if (this.#lines === MAX_LINES + 1)
        this.#line(this.#style('dim', '  … and so on; from here on they are only counted.'));
    }
    // After the lines of the writes.
    for (const read of this.#reads.splice(0)) if (this.#lines <= MAX_LINES) this.#line(this.#readLine(read));
    if (this.#output.isTTY) {
      const { committed, delivered, marked } = journeys.counts;
      const text = `  committed ${committed} → on the topic ${delivered} → marked ${marked}`;
      this.#output.write(CLEAR_LINE + this.#style('bold', text.slice(0, this.#output.columns - 1)));
    }
  }

  waiting(): void {
    // The line with counts shows it.
  }

  end(verdict: Verdict): void {
    const passed = isPassed(verdict);
    const [first = '', ...rest] = verdictWords(verdict);
    const headline = passed ? this.#style(['green', 'bold'], `✔ ${first}`) : this.#style(['red', 'bold'], `✘ ${first}`);
    this.#line(['', headline, ...rest.map((text) => `  ${text}`), `  ${latencyWords(verdict)}`].join('\n'));
  }

  #journeyLine({ event, transaction, writer, delivery, markedAt }: Journey): string {
    const { type, key, sequence, committedAt } = event;
    const place = `${delivery.topic}-${delivery.partition}@${delivery.offset}`;
    return [
      this.#style('cyan', `${`#${transaction}`.padStart(5)}  writer ${String(writer).padEnd(3)}${type.padEnd(18)}`),
      `${key.padEnd(13)}v${String(Number.parseInt(sequence, 10)).padEnd(4)}`,
      this.#style('green', `→ ${place.padEnd(14)}${elapsed(committedAt, delivery.arrivedAt)}`),
      this.#style('magenta', `→ marked${elapsed(committedAt, markedAt)}`),
    ].join(' ');
  }

  #readLine({ orderId, version, shown, status, afterMs }: OwnRead): string {
    const text = shown
      ? `shipping says "${status}", read ${afterMs} ms after the commit by waitUntilApplied(token)`
      : `shipping does not show it: ${status}`;
    return this.#style('blue', `    ↩  ${`${orderId} v${version}`.padEnd(15)}${text}`);
  }

  #style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#output });
  }

  #line(text: string): void {
    this.#output.write(`${this.#output.isTTY ? CLEAR_LINE : ''}${text}\n`);
  }
}

const HEADINGS =
  `${''.padEnd(7)}${'commit'.padEnd(10)}${'event'.padEnd(19)}${'key'.padEnd(13)}${'version'.padEnd(8)}` +
  `${'topic'.padEnd(25)}mark`;

/** For `--json`: a line every two seconds shows that the demo still runs. */
export class ProgressScreen implements Screen {
  #reportedAt = 0;
  readonly #output: NodeJS.WritableStream;

  constructor(output: NodeJS.WritableStream) {
    this.#output = output;
  }

  begin(writers: number): void {
    this.#line(`${writers} writer${writers === 1 ? '' : 's'} started`);
  }

  refused(): void {
    // Refusals are part of the plan and are not counted.
  }

  read(): void {
    // The verdict counts them.
  }

  update({ counts: { committed, delivered } }: Journeys): void {
    if (performance.now() - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = performance.now();
    this.#line(`committed ${committed}, arrived ${delivered}`);
  }

  waiting(): void {
    this.#line('all commands are done; waiting for the last arrivals and marks');
  }

  end(verdict: Verdict): void {
    for (const text of [...verdictWords(verdict), latencyWords(verdict)]) this.#line(text);
  }

  #line(text: string): void {
    this.#output.write(`${text}\n`);
  }
}

const elapsed = (from: number, to: number): string => ` +${to - from} ms`.padStart(10);

function latencyWords({ latencyMs: { p50, p99 } }: Verdict): string {
  if (p50 === null || p99 === null) return 'Nothing arrived, so there is no latency.';
  return `From the commit to the arrival at the consumer: half within ${p50} ms, 99 % within ${p99} ms.`;
}
