import type { Control, Hold } from '../event/control';
import { Acknowledged } from './acknowledged';
import { admit } from './admission';
import { BREAKER, recentHolds } from './breaker';
import { concernsTopic } from './classify';
import { entryOf, holdOf, type Entry, type ItemContent } from './entry';
import { decodeRecord, type StreamRecord } from './record';
import { halve, keepOpen, planRound, type LoadedBatch, type RoundLimits } from './rounds';
import type { Clock, ControlStore, ItemStore, Mark, Parking, Poison, Publisher, Telemetry, TopicLookup } from './ports';

export interface RelayPorts {
  readonly publisher: Publisher;
  readonly items: ItemStore;
  readonly control: ControlStore;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

export interface RelayOptions extends RoundLimits {
  /** A round is started only with this much time left: what the slowest one can take, its marks included. */
  readonly minRoundMs: number;
  /** An item is parked only with this much time left. */
  readonly minParkMs: number;
}

export interface Relay {
  /**
   * Handles one batch of stream records and answers the index of the first record that must be delivered again, or
   * `undefined` when all are settled. Whatever it did not settle is still pending in the table.
   */
  handle(records: readonly StreamRecord[], remainingMs: () => number): Promise<number | undefined>;
}

/** A relay for one process: what it acknowledged is remembered from one invocation to the next. */
export function createRelay(ports: RelayPorts, options: RelayOptions): Relay {
  const acknowledged = new Acknowledged();
  return {
    handle: (records, remainingMs) => new Invocation(ports, options, acknowledged, remainingMs).run(records),
  };
}

class Invocation {
  readonly #ports: RelayPorts;
  readonly #options: RelayOptions;
  readonly #acknowledged: Acknowledged;
  readonly #remainingMs: () => number;
  readonly #marking: Promise<void>[] = [];
  #control: Omit<Control, 'holds'> & { holds: Map<string, Hold> } = {
    revision: 0,
    holds: new Map(),
    tombstones: new Set(),
  };
  /** No further round: an outage, or no time. What is open then is delivered again. */
  #stopped = false;

  constructor(ports: RelayPorts, options: RelayOptions, acknowledged: Acknowledged, remainingMs: () => number) {
    this.#ports = ports;
    this.#options = options;
    this.#acknowledged = acknowledged;
    this.#remainingMs = remainingMs;
  }

  async run(records: readonly StreamRecord[]): Promise<number | undefined> {
    const { control, telemetry } = this.#ports;
    telemetry.received(records.length);
    try {
      const read = await control.read();
      this.#control = { ...read, holds: new Map(read.holds) };
    } catch (cause) {
      telemetry.outage({ message: 'The control partition could not be read.', cause });
      return this.#finish(records.length === 0 ? undefined : 0, records);
    }

    const entries = this.#entries(records);
    let open: readonly Entry[] = entries;
    while ((open = this.#admitted(open)).length > 0 && this.#mayGoOn()) await this.#round(open);
    if (!this.#stopped && open.length > 0 && open.length === entries.length) {
      this.#stop({
        message: `No round was started: ${this.#remainingMs()} ms were left, and one can take ${this.#options.minRoundMs} ms.`,
      });
    }
    await Promise.all(this.#marking);

    return this.#finish(entries.find(({ state }) => state !== 'settled')?.index, records);
  }

  #finish(failed: number | undefined, records: readonly StreamRecord[]): number | undefined {
    const failedFrom = failed === undefined ? undefined : records[failed]?.dynamodb?.SequenceNumber;
    this.#ports.telemetry.finished({ failedFrom });
    return failed;
  }

  #entries(records: readonly StreamRecord[]): Entry[] {
    return records.flatMap((record, index) => {
      const decoded = decodeRecord(record);
      if (decoded.kind === 'ignored') return [];
      if (decoded.kind === 'unknown') {
        this.#ports.telemetry.unknownRecord(decoded);
        return [];
      }
      return [entryOf(decoded, index)];
    });
  }

  #mayGoOn(): boolean {
    return !this.#stopped && this.#remainingMs() >= this.#options.minRoundMs;
  }

  #mayPark(): boolean {
    return !this.#stopped && this.#remainingMs() >= this.#options.minParkMs;
  }

  /** Settles what needs no publishing and answers what does. Repeated before each round, because holds appear. */
  #admitted(entries: readonly Entry[]): Entry[] {
    const { telemetry } = this.#ports;
    return entries.filter((entry) => {
      if (entry.state !== 'open') return false;
      const admission = admit(entry, this.#control, this.#acknowledged);
      if (admission.kind === 'publish') return true;
      entry.state = 'settled';
      if (admission.kind === 'wait') telemetry.heldBack(entry, admission.hold);
      else if (entry.content.kind === 'item') {
        telemetry.duplicateSkipped(entry.content.item);
        if (admission.kind === 'mark') this.#mark([{ entry, content: entry.content, receipts: admission.receipts }]);
      }
      return false;
    });
  }

  async #round(open: readonly Entry[]): Promise<void> {
    const topics = await this.#lookUpTopics(open);
    const { batches, refused } = planRound(open, topics, this.#options);
    for (const { entry, failure } of refused) {
      if (failure.kind === 'outage') this.#stop(failure);
      else if (this.#mayPark()) await this.#park(entry, failure);
      if (entry.state === 'settled') continue;
      // The shard waits at this record. What came before it still goes.
      this.#stopped = true;
      const before = this.#admitted(open.filter(({ index }) => index < entry.index));
      await this.#publish(planRound(before, topics, this.#options).batches);
      return;
    }
    await this.#publish(batches);
  }

  /** One after the other, because they share a connection; after an outage the others are not asked. */
  async #lookUpTopics(open: readonly Entry[]): Promise<Map<string, TopicLookup>> {
    const topics = new Map<string, TopicLookup>();
    let outage: TopicLookup | undefined;
    for (const { content } of open) {
      if (content.kind === 'undecodable') continue;
      for (const { topic } of content.messages) {
        if (topics.has(topic)) continue;
        const lookup = outage ?? (await this.#ports.publisher.partitionCount(topic));
        if (lookup.kind === 'outage') outage = lookup;
        topics.set(topic, lookup);
      }
    }
    return topics;
  }

  async #publish(batches: readonly LoadedBatch[]): Promise<void> {
    if (batches.length === 0) return;
    const outcomes = await this.#ports.publisher.publish(batches);
    const done: [Entry, ItemContent][] = [];
    const refused: [LoadedBatch, Poison][] = [];
    batches.forEach((batch, at) => {
      const outcome = outcomes[at] ?? { kind: 'outage', message: 'The publisher gave no answer for a batch.' };
      if (outcome.kind === 'acked') done.push(...acknowledge(batch, outcome.baseOffset));
      else if (outcome.kind === 'poison') refused.push([batch, outcome]);
      else this.#stop(outcome);
    });
    this.#settle(done);
    for (const [batch, failure] of refused) await this.#isolate(batch, failure);
  }

  /**
   * A batch that is refused for its topic is refused for every item in it. Otherwise nobody tells whose fault it is:
   * halve it until the culprit stands alone, and park that one.
   */
  async #isolate(batch: LoadedBatch, failure: Poison): Promise<void> {
    const mayGo = (entry: Entry): boolean => entry.state === 'open' && holdOf(entry, this.#control.holds) === undefined;
    if (batch.shipments.length === 1 || concernsTopic(failure)) {
      for (const { entry } of batch.shipments) {
        if (mayGo(entry) && this.#mayPark()) await this.#park(entry, failure);
      }
      return;
    }
    for (const half of halve(batch)) {
      const rest = keepOpen(half, mayGo);
      if (rest.shipments.length === 0) continue;
      if (!this.#mayGoOn()) return;
      await this.#publish([rest]);
    }
  }

  #settle(done: readonly (readonly [Entry, ItemContent])[]): void {
    if (done.length === 0) return;
    const { clock, telemetry } = this.#ports;
    const now = clock.now();
    telemetry.published({
      events: done.reduce((sum, [, { messages }]) => sum + messages.length, 0),
      bytes: done.reduce((sum, [, content]) => sum + valueBytes(content), 0),
      latencyMs: done.map(([, { item }]) => now - item.committedAt),
    });
    for (const [entry, { identity, receipts }] of done) {
      this.#acknowledged.unmarked(identity, receipts);
      entry.state = 'settled';
    }
    this.#mark(done.map(([entry, content]) => ({ entry, content, receipts: content.receipts })));
  }

  /** Runs beside the next round. A mark that fails makes its record be delivered again, which then only marks. */
  #mark(acknowledged: readonly { entry: Entry; content: ItemContent; receipts: Mark['receipts'] }[]): void {
    const { items, telemetry } = this.#ports;
    const marks = acknowledged.map(({ content, receipts }) => markOf(content, receipts));
    const marking = items.mark(marks).then((failures) => {
      acknowledged.forEach(({ entry, content }, at) => {
        const mark = marks[at];
        if (mark !== undefined && failures.has(mark)) {
          entry.state = 'failed';
          telemetry.markFailed(mark, failures.get(mark));
        } else {
          this.#acknowledged.marked(content.identity);
        }
      });
    });
    this.#marking.push(marking);
  }

  async #park(entry: Entry, failure: Poison): Promise<void> {
    const { clock, items, telemetry } = this.#ports;
    const { holds } = this.#control;
    const parking: Parking = {
      pk: entry.pk,
      sk: entry.sk,
      id: entry.content.kind === 'item' ? entry.content.item.id : undefined,
      reason: failure.reason,
      message: failure.message,
      hold: holds.get(entry.pk),
    };
    const recent = recentHolds(holds.values(), clock.now());
    if (recent >= BREAKER.maxHolds) {
      telemetry.breakerOpen(parking, recent);
      this.#stopped = true;
      return;
    }
    try {
      const parked = await items.park(parking);
      if (parked.kind === 'parked') {
        holds.set(entry.pk, parked.hold);
        telemetry.parked(parking);
      }
      entry.state = 'settled';
    } catch (cause) {
      this.#stop({ message: `Parking "${entry.pk}" at "${entry.sk}" failed.`, cause });
    }
  }

  #stop(failure: { readonly message: string; readonly cause?: unknown }): void {
    this.#stopped = true;
    this.#ports.telemetry.outage(failure);
  }
}

const markOf = ({ item }: ItemContent, receipts: Mark['receipts']): Mark => ({
  pk: item.pk,
  sk: item.sk,
  id: item.id,
  receipts,
});

/** Notes the offsets and answers the items whose last message this was. */
function acknowledge({ topic, partition, shipments }: LoadedBatch, baseOffset: bigint): [Entry, ItemContent][] {
  const done: [Entry, ItemContent][] = [];
  shipments.forEach(({ entry, content }, at) => {
    content.receipts.push({ topic, partition, offset: baseOffset + BigInt(at) });
    if (content.receipts.length === content.messages.length) done.push([entry, content]);
  });
  return done;
}

const valueBytes = ({ messages }: ItemContent): number =>
  messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
