import { isAtItsEnd, type EventOnItsWay } from '../event-on-its-way';
import type { WaitingKey } from '../lanes';
import { hueOf } from './format';

/** The stations of an event, from left to right. */
const STATIONS = ['commit', 'table', 'relay', 'partition', 'consumer'] as const;

/** A dot that moves to where its event is. */
interface Dot {
  event: EventOnItsWay;
  readonly hue: number;
  x: number;
  y: number;
  targetX: number;
  targetY: number;
  /** When the event came to its end; then the dot fades. */
  endedAt?: number;
}

const FADE_MS = 1_200;
/** Time in which a dot covers most of its distance. */
const GLIDE_MS = 180;
const MAX_DOTS = 600;
const RADIUS = 4;
const TOP = 34;
const BOTTOM = 10;
const ROWS = 12;

/**
 * Draws events as dots on their way from the commit to the consumer. The height of a dot is its key's; the distance from
 * the relay is its place in the queue, so that lag is visible as distance.
 */
export class LanePicture {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #dots = new Map<string, Dot>();
  readonly #reducesMotion = matchMedia('(prefers-reduced-motion: reduce)');
  #held = new Set<string>();
  #consumed = new Set<string>();
  #frame = 0;
  #drawnAt = 0;
  #isAsleep = true;

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('This browser has no 2D canvas.');
    this.#canvas = canvas;
    this.#context = context;
    this.resize();
  }

  /** Topics whose events have a consumer; those of other topics end at their partition. */
  consumedTopics(topics: readonly string[]): void {
    this.#consumed = new Set(topics);
  }

  update(events: readonly EventOnItsWay[]): void {
    const now = performance.now();
    for (const event of events) {
      const dot = this.#dots.get(event.id);
      if (dot !== undefined) dot.event = event;
      // An event that came to its end before the page was opened is no news.
      else if (!isAtItsEnd(event, this.#consumed) || Date.now() - event.committedAt < 5_000) this.#add(event);
    }
    for (const [id, dot] of this.#dots) {
      if (isAtItsEnd(dot.event, this.#consumed)) dot.endedAt ??= now;
      if (dot.endedAt !== undefined && now - dot.endedAt > GLIDE_MS * 4 + FADE_MS) this.#dots.delete(id);
    }
    this.#aim();
    this.#wake();
  }

  hold(waiting: readonly WaitingKey[]): void {
    this.#held = new Set(waiting.map(({ key }) => key));
    this.#wake();
  }

  resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#aim();
    this.#wake();
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
  }

  #add(event: EventOnItsWay): void {
    if (this.#dots.size >= MAX_DOTS) {
      const [oldest] = [...this.#dots].find(([, { endedAt }]) => endedAt !== undefined) ?? [...this.#dots][0] ?? [];
      if (oldest !== undefined) this.#dots.delete(oldest);
    }
    const hue = hueOf(event.key);
    const y = this.#rowOf(hue);
    const x = this.#station(0);
    this.#dots.set(event.id, { event, hue, x, y, targetX: x, targetY: y });
  }

  #rowOf(hue: number): number {
    const height = this.#canvas.clientHeight - TOP - BOTTOM;
    return TOP + (Math.floor((hue / 360) * ROWS) + 0.5) * (height / ROWS);
  }

  #station(index: number): number {
    const margin = Math.min(60, this.#canvas.clientWidth * 0.1);
    return margin + (index * (this.#canvas.clientWidth - 2 * margin)) / (STATIONS.length - 1);
  }

  /** Events that wait queue up between table and relay, the oldest of a row next to the relay. */
  #aim(): void {
    const queued = new Map<number, number>();
    const [table, relay, partition, consumer] = [1, 2, 3, 4].map((index) => this.#station(index));
    if (table === undefined || relay === undefined || partition === undefined || consumer === undefined) return;
    for (const dot of this.#dots.values()) {
      const row = this.#rowOf(dot.hue);
      dot.targetY = row;
      if (dot.event.stage === 'applied') dot.targetX = consumer;
      else if (dot.event.stage === 'kafka') dot.targetX = partition;
      else {
        const place = queued.get(row) ?? 0;
        queued.set(row, place + 1);
        const from = this.#held.has(dot.event.key) ? table + (relay - table) / 2 : relay - RADIUS * 3;
        dot.targetX = Math.max(this.#station(0), from - place * RADIUS * 2.2);
      }
    }
  }

  #wake(): void {
    if (!this.#isAsleep) return;
    this.#isAsleep = false;
    this.#drawnAt = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#draw(now));
  }

  #draw(now: number): void {
    const share = this.#reducesMotion.matches ? 1 : 1 - Math.exp(-(now - this.#drawnAt) / GLIDE_MS);
    this.#drawnAt = now;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const context = this.#context;
    const style = getComputedStyle(this.#canvas);
    const [text, line, red] = ['--muted', '--line', '--red'].map((name) => style.getPropertyValue(name));
    const isDark = style.getPropertyValue('--is-dark').trim() === '1';
    context.clearRect(0, 0, width, height);
    context.font = '12px system-ui, sans-serif';
    context.textAlign = 'center';
    for (const [index, station] of STATIONS.entries()) {
      const x = this.#station(index);
      context.fillStyle = text ?? 'gray';
      context.fillText(station, x, 16);
      context.strokeStyle = line ?? 'gray';
      context.beginPath();
      context.moveTo(x, TOP - 8);
      context.lineTo(x, height - BOTTOM);
      context.stroke();
    }
    let moves = false;
    for (const dot of this.#dots.values()) {
      dot.x += (dot.targetX - dot.x) * share;
      dot.y += (dot.targetY - dot.y) * share;
      const isFar = Math.abs(dot.targetX - dot.x) > 0.5 || Math.abs(dot.targetY - dot.y) > 0.5;
      const faded = dot.endedAt === undefined ? 0 : (now - dot.endedAt - GLIDE_MS * 4) / FADE_MS;
      moves ||= isFar || dot.endedAt !== undefined;
      if (faded >= 1) continue;
      context.globalAlpha = 1 - Math.max(0, faded);
      context.fillStyle = `hsl(${dot.hue} 70% ${isDark ? 62 : 45}%)`;
      context.beginPath();
      context.arc(dot.x, dot.y, RADIUS, 0, 2 * Math.PI);
      context.fill();
      if (dot.event.state === 'parked' || this.#held.has(dot.event.key)) {
        context.strokeStyle = red ?? 'red';
        context.lineWidth = dot.event.state === 'parked' ? 2.5 : 1;
        context.beginPath();
        context.arc(dot.x, dot.y, RADIUS + 2.5, 0, 2 * Math.PI);
        context.stroke();
        context.lineWidth = 1;
      }
    }
    context.globalAlpha = 1;
    this.#isAsleep = !moves;
    if (moves) this.#frame = requestAnimationFrame((next) => this.#draw(next));
  }
}
