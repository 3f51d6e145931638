import { styleText } from 'node:util';
import type { Journey, Journeys } from './journeys';
import type { OwnRead } from './record';
import { describe, type Command } from './traffic';
import { isPassed, verdictWords, type Verdict } from './verdict';

/** The display of the demo. */
export interface Screen {
  /** After the stack has started. */
  begin(writers: number): void;
  refused?(writer: number, command: Command, reason: string): void;
  /** A caller has waited until shipping's read model had its write, and has read it there. */
  read?(read: OwnRead): void;
  /** Several times a second. */
  update(journeys: Journeys): void;
  /** All commands are done; the last arrivals and marks are missing. */
  waiting?(): void;
  end(verdict: Verdict): void;
}

const CLEAR_LINE = '\r\u001b[2K';
/** Enough to understand; more would only scroll past. */
const MAX_LINES = 120;
const REPORT_EVERY_MS = 2_000;

const HEADINGS = `       commit    event              key          version topic                    mark`;

/** Prints a line for each event whose journey has ended; on a terminal also a line with counts. */
export function terminalScreen(output: NodeJS.WriteStream): Screen {
  let lines = 0;
  const reads: OwnRead[] = [];
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    styleText(format, text, { stream: output });
  const print = (text: string): void => void output.write(`${output.isTTY ? CLEAR_LINE : ''}${text}\n`);

  const lineOf = ({ event, transaction, writer, delivery, markedAt }: Journey): string => {
    const { type, key, sequence, committedAt } = event;
    const after = (at: number): string => ` +${at - committedAt} ms`.padStart(10);
    const place = `${delivery.topic}-${delivery.partition}@${delivery.offset}`;
    return [
      style('cyan', `${`#${transaction}`.padStart(5)}  writer ${String(writer).padEnd(3)}${type.padEnd(18)}`),
      `${key.padEnd(13)}v${String(Number.parseInt(sequence, 10)).padEnd(4)}`,
      style('green', `→ ${place.padEnd(14)}${after(delivery.arrivedAt)}`),
      style('magenta', `→ marked${after(markedAt)}`),
    ].join(' ');
  };
  const lineOfRead = ({ orderId, version, shown, status, afterMs }: OwnRead): string => {
    const text = shown
      ? `shipping shows "${status}", read ${afterMs} ms after the commit by waitUntilApplied(token)`
      : `shipping does not show it: ${status}`;
    return style('blue', `    ↩  ${`${orderId} v${version}`.padEnd(15)}${text}`);
  };

  return {
    begin: (writers) =>
      print(`
${style('bold', 'Every line below is one event on its way from the order service to Kafka.')}

  ${style('cyan', 'commit')}  ${writers === 1 ? 'One instance of an order service writes' : `${writers} instances of an order service write`} orders, stock and their events to DynamoDB.
          Lines with one number, such as #7, are one transaction: all of it is written, or none.
  ${style('green', 'topic')}   The relay, woken by the table's stream, has published the event; our consumer has received it:
          topic, partition, offset, and the time since the commit. A key keeps its order: v1, v2, v3.
  ${style('magenta', 'mark')}    The relay has noted on the outbox item when Kafka confirmed the event; our consumer may get it a moment
          later. Only with a mark does an item expire.
  ${style('blue', '↩')}       Shipping, another service, keeps a read model of the orders by these events. Every fifth of them is
          delivered to it twice on purpose. After an order is shipped or cancelled, its caller waits until the read
          model has that write, and reads it there.

${style('dim', HEADINGS)}`),
    refused(writer, command, reason) {
      if (lines < MAX_LINES)
        print(style('yellow', `    –  writer ${writer}  ${describe(command)} refused: ${reason} No event.`));
    },
    read: (read) => void reads.push(read),
    update(journeys) {
      for (const journey of journeys.takeComplete()) {
        lines += 1;
        if (lines <= MAX_LINES) print(lineOf(journey));
        if (lines === MAX_LINES + 1) print(style('dim', '  … and so on; from here on they are only counted.'));
      }
      // After the lines of the writes.
      for (const read of reads.splice(0)) if (lines <= MAX_LINES) print(lineOfRead(read));
      if (!output.isTTY) return;
      const { committed, delivered, marked } = journeys.counts;
      const text = `  committed ${committed} → on the topic ${delivered} → marked ${marked}`;
      output.write(CLEAR_LINE + style('bold', text.slice(0, output.columns - 1)));
    },
    end(verdict) {
      const [first = '', ...rest] = verdictWords(verdict);
      const [colour, sign] = isPassed(verdict) ? (['green', '✔'] as const) : (['red', '✘'] as const);
      const headline = style([colour, 'bold'], `${sign} ${first}`);
      print(['', headline, ...[...rest, latencyWords(verdict)].map((text) => `  ${text}`)].join('\n'));
    },
  };
}

/** For `--json`: a line every two seconds shows that the demo still runs. The verdict counts refusals and reads. */
export function progressScreen(output: NodeJS.WritableStream): Screen {
  let reportedAt = 0;
  const print = (text: string): void => void output.write(`${text}\n`);
  return {
    begin: (writers) => print(`${writers} writer${writers === 1 ? '' : 's'} started`),
    update({ counts: { committed, delivered } }) {
      if (performance.now() - reportedAt < REPORT_EVERY_MS) return;
      reportedAt = performance.now();
      print(`committed ${committed}, arrived ${delivered}`);
    },
    waiting: () => print('all commands are done; waiting for the last arrivals and marks'),
    end: (verdict) => [...verdictWords(verdict), latencyWords(verdict)].forEach(print),
  };
}

function latencyWords({ latencyMs: { p50, p99 } }: Verdict): string {
  if (p50 === null || p99 === null) return 'Nothing arrived, so there is no latency.';
  return `From the commit to the arrival at the consumer: half within ${p50} ms, 99 % within ${p99} ms.`;
}
