import { withoutUndefined } from '../event/options';
import { backoffMs } from '../timing/backoff';
import { wait } from '../timing/wait';
import { CONTENTION_BACKOFF } from './delays';
import { envelopeOf } from './decode';
import { decide, markerIdOf, sequencedOf, withUnapplied } from './inbox';
import { inboxKeyText } from './inbox-keys';
import type { RequestStore } from './ports';
import { redriveKey, type Redriving, type RedriveResult } from './redrive';
import type { ConsumerRequest, ConsumerRequestResult, RequestEnd, SkipRequest } from './request';
import { resend } from './resend';
import { Semaphore } from './semaphore';
import type { ConsumerSettings } from './settings';

/**
 * Carries out the requests of operators. Every step may be repeated and may run next to another instance: a request is
 * removed in one transaction with its result, and only if it still asks for the same action.
 */
export class OperatorRequests {
  readonly #settings: ConsumerSettings;
  readonly #ports: Redriving['ports'];
  readonly #requests: RequestStore;

  constructor(settings: ConsumerSettings, ports: Redriving['ports'], requests: RequestStore) {
    this.#settings = settings;
    this.#ports = ports;
    this.#requests = requests;
  }

  /**
   * Polls once for requests, with a Query, and carries them out until the signal is aborted: those of a key one after
   * the other, several keys at the same time. Never rejects. Returns whether work is left for the next poll.
   */
  async poll(signal: AbortSignal): Promise<boolean> {
    const { concurrency, telemetry } = this.#settings;
    if (this.#ports.circuitBreaker.isOpen) return true;
    try {
      const pending: ConsumerRequest[] = [];
      for await (const request of this.#requests.pending()) {
        if ('id' in request) pending.push(request);
        else {
          const message = `This version of the consumer does not know the request ${request.unknown}. Deploy the version of the command that sent it.`;
          telemetry.requestFailed(new Error(message));
        }
      }
      const semaphore = new Semaphore(concurrency);
      const keys = [...Map.groupBy(pending, ({ key }) => inboxKeyText(key)).values()];
      const left = await Promise.all(keys.map((requests) => semaphore.use(() => this.#carryOutAll(requests, signal))));
      return left.includes(true);
    } catch (error) {
      telemetry.requestFailed(error);
      return true;
    }
  }

  /** Carries out the requests of one key. Returns whether work is left. */
  async #carryOutAll(requests: readonly ConsumerRequest[], signal: AbortSignal): Promise<boolean> {
    for (const { id } of requests) {
      try {
        if (!(await this.#carryOut(id, signal))) return true;
      } catch (error) {
        // A redrive leaves no step half done, so the next poll can continue.
        this.#settings.telemetry.requestFailed(error);
        return true;
      }
    }
    return false;
  }

  /** Returns whether the request is done, by this instance or by another. */
  async #carryOut(id: string, signal: AbortSignal): Promise<boolean> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      if (attempt > 0) await wait(backoffMs(CONTENTION_BACKOFF, attempt), signal);
      const request = await this.#requests.read(id);
      if (request === undefined) return true;
      const end = await this.#step(request, signal);
      if (end === 'waits') return false;
      if (end !== 'again' && (await this.#complete(request, end))) return true;
    }
    return false;
  }

  /** One step of a request. `again`: it asks for another action now. `waits`: the next poll continues it. */
  async #step(request: ConsumerRequest, signal: AbortSignal): Promise<RequestEnd | 'again' | 'waits'> {
    const redriving = { settings: this.#settings, ports: this.#ports, signal };
    switch (request.asks) {
      case 'redrive':
        return endOf(await redriveKey(request.key, redriving));
      case 'skip':
        return (await this.#skip(request)) === 'not-there' ? { outcome: 'not-there', released: 0 } : 'again';
      case 'resend':
        return resend(request, redriving, this.#requests);
      case 'resent':
        return { outcome: 'released', released: 1 };
    }
  }

  /** Discards the message and turns the request into a redrive, in one transaction: neither can be lost or repeated. */
  async #skip(request: SkipRequest): Promise<'skipped' | 'stale' | 'not-there'> {
    const { view, writer } = this.#ports;
    const { id, key, position, request: note } = request;
    const next = await view.nextParked(key);
    if (next?.position !== position) return 'not-there';
    const [row, parked] = await Promise.all([view.readRow(key), this.#requests.parkedReason(key)]);
    const envelope = envelopeOf(next.record);
    // The consumer parks events only.
    if ('reason' in envelope) throw new Error(`The message parked at ${position} is no event: ${envelope.message}`);
    const sequenced = sequencedOf(envelope);
    // A discarded replay leaves the event and its other replays as they are.
    const marker = markerIdOf(envelope);
    const decision = sequenced === undefined ? undefined : decide(row.state, sequenced);
    const isApplied =
      marker === undefined ? decision?.kind === 'duplicate' && !decision.below : await view.isMarked(key, marker);
    const discarded = { record: next.record, id: marker ?? envelope.id, why: parked?.why ?? '' };
    const isNoted = sequenced === undefined || isApplied || envelope.replayId !== undefined;
    const state = isNoted ? row.state : withUnapplied(row.state, sequenced);
    const unit = [
      // Raises the revision, so that a consumer that is applying the message decides again.
      writer.actions.row(key, row, state),
      writer.actions.unpark(key, position),
      this.#requests.replace(request, { id, asks: 'redrive', key, request: note, skipped: position }),
      ...(isApplied ? [] : [this.#requests.discard(key, discarded, note)]),
    ];
    const outcome = await writer.write(unit);
    view.forget(key);
    return outcome === 'written' ? 'skipped' : 'stale';
  }

  /** Returns `false` if the request asks for another action by now, or is gone. */
  async #complete(request: ConsumerRequest, end: RequestEnd): Promise<boolean> {
    const { clock, telemetry } = this.#settings;
    const { id, key, request: note } = request;
    const resent = request.asks === 'skip' ? undefined : request.resent;
    const asked = { id, asks: firstAsked(request), key, request: note, resent };
    const result: ConsumerRequestResult = withoutUndefined({ ...asked, at: clock.now(), ...end });
    const unit = [...this.#requests.complete(request, result)];
    // A failed message that is not parked is not the reason why the key is parked.
    if (request.asks === 'redrive' && end.message !== undefined) {
      const parked = await this.#requests.parkedReason(key);
      if (parked !== undefined) unit.push(this.#requests.updateParkedReason(key, { ...parked, why: end.message }));
    }
    if ((await this.#ports.writer.write(unit)) === 'stale') return false;
    telemetry.requestCompleted(result);
    return true;
  }
}

/** The action that the operator requested at first. */
function firstAsked(request: ConsumerRequest): ConsumerRequestResult['asks'] {
  if (request.asks === 'skip') return 'skip';
  if (request.resent !== undefined) return 'resend';
  return request.asks === 'redrive' && request.skipped !== undefined ? 'skip' : 'redrive';
}

function endOf({ released, isParked, failure }: RedriveResult): RequestEnd | 'waits' {
  if (!isParked) return { outcome: 'released', released };
  return failure === undefined ? 'waits' : { outcome: 'refused', released, message: failure };
}
