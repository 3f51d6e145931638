import { marshall } from '@aws-sdk/util-dynamodb';
import {
  othersBehind,
  type AwaitedItem,
  type Control,
  type Hold,
  holdForGone,
  PARTITION_UNAVAILABLE,
} from '../../lib/event/control';
import { identityOf, type Image, type ItemKey, type ItemRef, type OutboxItem } from '../../lib/event/item';
import { isOpen, itemStateOf, type ItemStateName } from '../../lib/event/item-state';
import { storedReceipts } from '../../lib/event/receipt';
import {
  elsewhere,
  encodeSignal,
  storedKeyOf,
  type DrainSignal,
  type ReplaySignal,
  type Signal,
  type SkipSignal,
} from '../../lib/event/signal';
import { derivedUuidV7 } from '../../lib/event/uuid';
import { positionKey } from '../../lib/event/position';
import type {
  ControlStore,
  DrainStore,
  ItemStore,
  KeyReader,
  Mark,
  ParkRequest,
  PartitionHoldRequest,
  SignalStore,
  StoredSignal,
  StoredItem,
  StoredState,
} from '../../lib/relay/ports';
import type { StreamRecord } from '../../lib/relay/record';
import { imageOf } from './items';
import type { PassHistory, ScanProgress, StreamProbe } from '../../lib/sweep/scan-progress';
import { storedItemOf, storedStateOf } from '../../lib/relay/dynamodb/keys';

type MutableImage = Record<string, Image[string]>;

/** The contents of a backup of the table. */
export interface Snapshot {
  readonly items: ReadonlyMap<string, ReadonlyMap<string, MutableImage>>;
  readonly signals: ReadonlyMap<string, ReadonlyMap<string, Signal>>;
  readonly holds: ReadonlyMap<string, Hold>;
  readonly tombstones: ReadonlySet<string>;
  readonly state: MemoryTable['state'];
  readonly progress: ScanProgress | undefined;
  readonly probes: readonly StreamProbe[];
  readonly passes: PassHistory | undefined;
}

/** All table operations of the relay in one object. */
export interface TablePorts extends ItemStore, KeyReader, ControlStore, DrainStore, SignalStore {}

/** Signals never change, and a simulation scans each of them hundreds of times. */
const ENCODED = new WeakMap<Signal, Image>();

/**
 * The outbox table in memory, with the conditions of the real stores. Each call takes effect at once and as a whole.
 * `onInsert` receives the stream records.
 */
export class MemoryTable implements TablePorts {
  readonly items = new Map<string, Map<string, MutableImage>>();
  /** The scan that the sweeper has not finished. */
  progress: ScanProgress | undefined;
  probes: readonly StreamProbe[] = [];
  passes: PassHistory | undefined;
  readonly signals = new Map<string, Map<string, Signal>>();
  readonly setAsides: { pk: string; sk: string; why: string }[] = [];
  readonly holds = new Map<string, Hold>();
  readonly tombstones = new Set<string>();
  state: { streamArn?: string; gapSuspectedSince?: number; owner?: string; retriedAt?: number } = {};
  onInsert: (record: StreamRecord) => void = () => undefined;
  /** Whether a key's item collection is full, so that it takes no signal. */
  isFull: (pk: string) => boolean = () => false;
  /** Whether DynamoDB refuses a mark. */
  failMark: (mark: Mark) => boolean = () => false;
  readonly #now: () => number;
  readonly #deletesProcessed: boolean;
  #revisions = 0;
  #sequence = 0;

  constructor(now: () => number = () => 1_000_000, { retention = 86_400 } = {}) {
    this.#now = now;
    this.#deletesProcessed = retention === 0;
  }

  put(item: OutboxItem): StreamRecord {
    return this.putImage(imageOf(item));
  }

  putImage(image: Image): StreamRecord {
    const pk = image['pk']?.S ?? '';
    const ofKey = this.items.get(pk) ?? new Map<string, MutableImage>();
    this.items.set(pk, ofKey.set(image['sk']?.S ?? '', { ...image }));
    return this.#insert(image);
  }

  /** Puts a signal as the stores do: if the collection of its key is full, into the signals' own partition. */
  putSignal(signal: Signal): StreamRecord {
    const stored = signal.kind !== 'replay' && this.isFull(signal.pk) ? elsewhere(signal) : signal;
    const { pk } = storedKeyOf(stored);
    const ofPartition = this.signals.get(pk) ?? new Map<string, Signal>();
    this.signals.set(pk, ofPartition.set(stored.sk, stored));
    return this.#insert(marshall(encodeSignal(stored), { removeUndefinedValues: true }));
  }

  /** Like `putSignal`, but returns the key of the signal's item. */
  sendSignal(signal: Signal): ItemKey {
    const { pk, sk } = this.putSignal(signal).dynamodb?.Keys ?? {};
    return { pk: pk?.S ?? '', sk: sk?.S ?? '' };
  }

  stateAt(pk: string, sk: string): ItemStateName | undefined {
    const image = this.items.get(pk)?.get(sk);
    return image === undefined ? undefined : itemStateOf(image).state;
  }

  #insert(image: Image): StreamRecord {
    const record: StreamRecord = {
      eventName: 'INSERT',
      dynamodb: {
        ApproximateCreationDateTime: Math.floor(this.#now() / 1000),
        SequenceNumber: String(++this.#sequence).padStart(21, '0'),
        Keys: { pk: image['pk'] ?? {}, sk: image['sk'] ?? {} },
        NewImage: image,
      },
    };
    this.onInsert(record);
    return record;
  }

  #find({ pk, sk, id }: ItemRef, anyId = false): MutableImage | undefined {
    const image = this.items.get(pk)?.get(sk);
    return image !== undefined && (anyId || image['id']?.S === id) ? image : undefined;
  }

  #sorted(pk: string): [string, MutableImage][] {
    return [...(this.items.get(pk) ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  /** The contents of a key as a scan returns them: items, then signals, in sort key order. */
  scan(pk: string): readonly Image[] {
    const signals = [...(this.signals.get(pk)?.values() ?? [])].toSorted((a, b) => (a.sk < b.sk ? -1 : 1));
    return [
      ...this.#sorted(pk).map(([, image]) => ({ ...image })),
      ...signals.map((signal) => this.#imageOfSignal(signal)),
    ];
  }

  /** The items and signals of `keys` that exist. */
  look(keys: readonly ItemKey[]): readonly Image[] {
    return keys.flatMap(({ pk, sk }) => {
      const [item, signal] = [this.items.get(pk)?.get(sk), this.signals.get(pk)?.get(sk)];
      return [
        ...(item === undefined ? [] : [{ ...item }]),
        ...(signal === undefined ? [] : [this.#imageOfSignal(signal)]),
      ];
    });
  }

  #imageOfSignal(signal: Signal): Image {
    let image = ENCODED.get(signal);
    if (image === undefined) {
      image = marshall(encodeSignal(signal), { removeUndefinedValues: true });
      ENCODED.set(signal, image);
    }
    return { ...image, ...(this.setAsides.some(({ sk }) => sk === signal.sk) ? { setAside: { M: {} } } : {}) };
  }

  snapshot(): Snapshot {
    const { items, signals, holds, tombstones, state, progress, probes, passes } = this;
    return structuredClone({ items, signals, holds, tombstones, state, progress, probes, passes });
  }

  restore(snapshot: Snapshot): void {
    const { items, signals, holds, tombstones, state, progress, probes, passes } = structuredClone(snapshot);
    const replace = <V>(map: Map<string, V>, by: ReadonlyMap<string, V>): void => {
      map.clear();
      for (const [key, value] of by) map.set(key, value);
    };
    replace(this.items, new Map([...items].map(([pk, ofKey]) => [pk, new Map(ofKey)])));
    replace(this.signals, new Map([...signals].map(([pk, ofKey]) => [pk, new Map(ofKey)])));
    replace(this.holds, holds);
    this.tombstones.clear();
    for (const identity of tombstones) this.tombstones.add(identity);
    this.state = { ...state };
    this.progress = progress;
    this.probes = probes;
    this.passes = passes;
  }

  // Reads of the relay.

  read(): Promise<Control> {
    return Promise.resolve({
      revision: this.#revisions,
      ...this.state,
      holds: new Map(this.holds),
      tombstones: new Set(this.tombstones),
    });
  }

  earliestOpen(pk: string, upTo: string): Promise<string | undefined> {
    let earliest: string | undefined;
    for (const [sk, image] of this.#sorted(pk).reverse()) {
      if (sk > upTo) continue;
      const { state } = itemStateOf(image);
      if (state === 'processed') break;
      if (isOpen(state)) earliest = sk;
    }
    return Promise.resolve(earliest);
  }

  pageSize = 3;

  async *pages(pk: string, from: string): AsyncGenerator<readonly StoredItem[]> {
    let after: string | undefined;
    for (;;) {
      const left = this.#sorted(pk).filter(([sk]) => sk >= from && (after === undefined || sk > after));
      const page = left.slice(0, this.pageSize);
      after = page.at(-1)?.[0];
      if (page.length > 0) yield page.map(([, image]) => storedItemOf(image));
      if (left.length <= this.pageSize) return;
      await Promise.resolve();
    }
  }

  /** Positions, by `positionKey`, of transactions that are not committed yet. */
  readonly unfinished = new Set<string>();

  lookUp(positions: readonly ItemKey[]): Promise<Map<string, StoredState>> {
    return Promise.resolve(
      new Map(
        positions.flatMap(({ pk, sk }) => {
          const image = this.items.get(pk)?.get(sk);
          if (image === undefined) return [];
          return [[positionKey(pk, sk), storedStateOf(image)] as const];
        }),
      ),
    );
  }

  async lookUpTransacted(positions: readonly ItemKey[]) {
    const isUnfinished = ({ pk, sk }: ItemKey): boolean => this.unfinished.has(positionKey(pk, sk));
    return {
      stored: await this.lookUp(positions.filter((position) => !isUnfinished(position))),
      unfinished: new Set(positions.filter(isUnfinished).map(({ pk, sk }) => positionKey(pk, sk))),
    };
  }

  // The relay's writes to items.

  mark(marks: readonly Mark[]) {
    const failures = new Map<Mark, unknown>();
    for (const mark of marks) {
      if (this.failMark(mark)) failures.set(mark, new Error('mark failed'));
      else this.#mark(mark);
    }
    return Promise.resolve(failures);
  }

  #mark(mark: Mark): void {
    const image = this.#find(mark);
    if (image === undefined) return;
    if (this.#deletesProcessed) {
      this.items.get(mark.pk)?.delete(mark.sk);
      return;
    }
    image['processedAt'] = { N: String(this.#now()) };
    image['receipts'] = storedReceipts(mark.receipts);
  }

  noteReceipts(marks: readonly Mark[]) {
    for (const mark of marks) {
      const image = this.#find(mark);
      if (image !== undefined && isOpen(itemStateOf(image).state)) image['receipts'] = storedReceipts(mark.receipts);
    }
    return Promise.resolve(new Map<Mark, unknown>());
  }

  park({
    attempts,
    since,
    isHead,
    drainedUnder,
    reason,
    message,
    hold: _,
    ...item
  }: ParkRequest): ReturnType<ItemStore['park']> {
    const image = this.#owed(item);
    if (image === undefined) return Promise.resolve({ kind: 'gone' } as const);
    const now = this.#now();
    const parked = { reason, message, attempts: attempts + 1, since: since ?? now };
    delete image['starts'];
    image['parked'] = { M: marshall(parked) };
    const why = { reason, message, attempts: attempts + 1, since: since ?? now };
    const hold = this.#hold(item, { isHead, drainedUnder }, why);
    return Promise.resolve({ kind: 'parked', hold } as const);
  }

  holdForPartition({ awaits, message, isHead, drainedUnder, hold: _, ...item }: PartitionHoldRequest) {
    if (this.#owed(item) === undefined) return Promise.resolve({ kind: 'gone' } as const);
    const known = this.holds.get(item.pk);
    const attempts = known?.position === item.sk ? known.attempts : 0;
    const why = { reason: PARTITION_UNAVAILABLE, message, attempts, since: this.#now(), awaits };
    return Promise.resolve({ kind: 'held', hold: this.#hold(item, { isHead, drainedUnder }, why) } as const);
  }

  #owed(item: ItemRef): MutableImage | undefined {
    const image = this.#find(item, item.id === undefined);
    return image !== undefined && isOpen(itemStateOf(image).state) ? image : undefined;
  }

  #hold(
    { pk, sk, id }: ItemRef,
    { isHead, drainedUnder }: Pick<ParkRequest, 'isHead' | 'drainedUnder'>,
    why: Pick<Hold, 'reason' | 'message' | 'attempts' | 'since' | 'awaits'>,
  ): Hold {
    const known = this.holds.get(pk);
    const revision = this.#revision();
    const hold: Hold =
      known !== undefined && known.position <= sk && !(isHead && known.revision === drainedUnder)
        ? { ...known, revision, ...othersBehind(known.position, known, [{ position: sk, id }]) }
        : {
            ...{ pk, position: sk, id, revision, state: 'holding', ...why },
            ...{ since: sinceOf(known, why), ...othersBehind(sk, known) },
          };
    this.holds.set(pk, hold);
    return hold;
  }

  countAttempt(item: ItemRef): Promise<number> {
    const image = this.#find(item, item.id === undefined);
    if (image === undefined || !isOpen(itemStateOf(image).state)) return Promise.resolve(0);
    const { starts } = itemStateOf(image);
    image['starts'] = { N: String(starts + 1) };
    return Promise.resolve(starts + 1);
  }

  clearAttempts(items: readonly ItemRef[]): Promise<void> {
    for (const item of items) delete this.#find(item, item.id === undefined)?.['starts'];
    return Promise.resolve();
  }

  // The relay's writes to the control partition.

  #revision(): string {
    return derivedUuidV7(this.#now(), String(++this.#revisions));
  }

  noteStream({ streamArn: known }: Control, streamArn: string) {
    if (this.state.streamArn === known) {
      this.state = {
        ...this.state,
        streamArn,
        gapSuspectedSince: known === undefined ? this.state.gapSuspectedSince : this.#now(),
      };
      this.#revisions++;
    }
    return Promise.resolve({ ...this.state });
  }

  noteRetry(): Promise<void> {
    this.state = { ...this.state, retriedAt: this.#now() };
    return Promise.resolve();
  }

  claim(owner: string): Promise<string | undefined> {
    if (this.state.owner === undefined) {
      this.state = { ...this.state, owner };
      this.#revisions++;
    }
    return Promise.resolve(this.state.owner);
  }

  begin(pk: string): Promise<Hold | undefined> {
    const hold = this.holds.get(pk);
    if (hold === undefined) return Promise.resolve(undefined);
    const seesHead =
      this.#deletesProcessed && this.#find({ ...hold, sk: hold.position }, hold.id === undefined) !== undefined;
    return Promise.resolve(this.#draining(seesHead ? { ...hold, headSeen: true } : hold));
  }

  keepForGone(hold: Hold, item: AwaitedItem, message: string): ReturnType<DrainStore['keepForGone']> {
    if (this.holds.get(hold.pk)?.revision !== hold.revision) return Promise.resolve({ kind: 'superseded' } as const);
    const next = holdForGone(hold, item, message, this.#revision());
    this.holds.set(hold.pk, next);
    return Promise.resolve({ kind: 'held', hold: next } as const);
  }

  #recordGap({ pk, position, id, request }: SkipSignal) {
    const hold = this.holds.get(pk);
    const image = this.items.get(pk)?.get(position);
    const isBack = image !== undefined && (id === undefined || image['id']?.S === id);
    if (hold?.position !== position || hold.id !== id || isBack) return Promise.resolve({ kind: 'nothing' } as const);
    if (image === undefined) {
      const record = { pk, sk: position, id, discarded: request, gone: true };
      this.putImage(marshall(record, { removeUndefinedValues: true }));
    } else image['gap'] = { M: marshall({ ...request, id }) };
    this.tombstones.add(identityOf({ pk, sk: position, id }));
    const next = this.#draining(image === undefined ? hold : { ...hold, id: undefined });
    return Promise.resolve({ kind: 'discarded', hold: next } as const);
  }

  #draining(hold: Hold): Hold {
    const next: Hold = { ...hold, state: 'draining', revision: this.#revision() };
    this.holds.set(hold.pk, next);
    return next;
  }

  discard(signal: SkipSignal): ReturnType<DrainStore['discard']> {
    if (signal.gone === true) return this.#recordGap(signal);
    const hold = this.holds.get(signal.pk);
    const image = this.#find({ ...signal, sk: signal.position });
    const state = image === undefined ? undefined : itemStateOf(image).state;
    const isRefused = (hold?.state === 'holding' && hold.awaits === undefined) || state === 'parked';
    if (
      hold?.position !== signal.position ||
      image === undefined ||
      state === undefined ||
      !isOpen(state) ||
      !isRefused
    ) {
      return Promise.resolve({ kind: 'nothing' } as const);
    }
    image['discarded'] = { M: marshall(signal.request) };
    this.tombstones.add(identityOf({ pk: signal.pk, sk: signal.position, id: signal.id }));
    return Promise.resolve({ kind: 'discarded', hold: this.#draining(hold) } as const);
  }

  finish(pk: string, hold: Hold | undefined): Promise<'finished' | 'superseded'> {
    const current = this.holds.get(pk);
    if (hold === undefined || current === undefined) return Promise.resolve('finished');
    if (current.revision !== hold.revision) return Promise.resolve('superseded');
    this.holds.delete(pk);
    this.#revisions++;
    return Promise.resolve('finished');
  }

  postpone(hold: Hold | undefined, successor: DrainSignal, id?: string) {
    const current = this.holds.get(successor.pk);
    if (current?.revision !== hold?.revision) return Promise.resolve({ kind: 'superseded' } as const);
    const next: Hold = {
      reason: 'drain-unfinished',
      message: '',
      attempts: 0,
      since: hold?.since ?? this.#now(),
      pk: successor.pk,
      position: successor.from,
      id,
      state: 'draining',
      revision: this.#revision(),
      ...othersBehind(successor.from, hold),
    };
    this.holds.set(successor.pk, next);
    this.putSignal(successor);
    return Promise.resolve({ kind: 'postponed', hold: next } as const);
  }

  // Writes of the sweeper.

  replace(lost: StoredSignal, successor: Signal): 'replaced' | 'gone' {
    const { pk, sk } = storedKeyOf(lost);
    if (this.signals.get(pk)?.delete(sk) !== true) return 'gone';
    this.putSignal(successor);
    return 'replaced';
  }

  setGapSuspicion(
    known: Pick<Control, 'streamArn' | 'gapSuspectedSince'>,
    gapSuspectedSince: number | undefined,
  ): boolean {
    if (known.streamArn !== this.state.streamArn || known.gapSuspectedSince !== this.state.gapSuspectedSince)
      return false;
    this.state = { ...this.state, gapSuspectedSince };
    this.#revisions++;
    return true;
  }

  // The relay's writes to signals.

  send(signal: DrainSignal): Promise<void> {
    this.putSignal(signal);
    return Promise.resolve();
  }

  remove(signals: readonly StoredSignal[]): Promise<void> {
    for (const { pk, sk } of signals.map(storedKeyOf)) this.signals.get(pk)?.delete(sk);
    return Promise.resolve();
  }

  markUnprocessable({ pk, sk }: Pick<Signal, 'pk' | 'sk'>, why: string): Promise<void> {
    this.setAsides.push({ pk, sk, why });
    return Promise.resolve();
  }

  find(signal: StoredSignal): Promise<Signal | undefined> {
    const { pk, sk } = storedKeyOf(signal);
    return Promise.resolve(this.signals.get(pk)?.get(sk));
  }

  advance({ pk, sk }: ReplaySignal, from: string): Promise<'noted' | 'gone'> {
    const signal = this.signals.get(pk)?.get(sk);
    if (signal?.kind !== 'replay') return Promise.resolve('gone');
    if ((signal.from ?? '') <= from) this.signals.get(pk)?.set(sk, { ...signal, from });
    return Promise.resolve('noted');
  }

  succeed(signal: ReplaySignal, successor: ReplaySignal): Promise<void> {
    if (this.signals.get(signal.pk)?.delete(signal.sk) === true) this.putSignal(successor);
    return Promise.resolve();
  }
}

/** If the key has only waited for a partition so far, a refusal starts its own time. */
const sinceOf = (known: Hold | undefined, why: Pick<Hold, 'since' | 'awaits'>): number =>
  known === undefined || (known.awaits !== undefined && why.awaits === undefined) ? why.since : known.since;
