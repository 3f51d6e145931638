import { DYNAMODB_LIMITS } from '../dynamodb/transaction-size';
import { envelopeIn, EventApplier, isUnreadable, parkedBytes, parksKeys, type Attempt } from './apply-once';
import { outcomeOf } from './commit-outcome';
import { isCurable } from './decode';
import { inboxKeyOf, inboxKeyText, parkedSortKey } from './inbox-keys';
import type { RequestStore } from './ports';
import { headerText } from './record';
import { attemptApart, type RedrivePorts } from './redrive';
import type { RequestEnd, ResendRequest } from './request';
import type { ConsumerSettings } from './settings';
import { readMessage } from './message-content';

const refused = (message: string): RequestEnd => ({ outcome: 'refused', released: 0, message });
const DUPLICATE: RequestEnd = { outcome: 'duplicate', released: 0 };

/**
 * Applies a dead letter, or parks it for the redrive that follows. Each step may be repeated and may run next to
 * another instance: a permanent marker shows whether the event was applied. `again`: the request was replaced by its
 * remaining work, or has changed. `waits`: the next poll continues it.
 */
export async function resend(
  request: ResendRequest,
  settings: ConsumerSettings,
  ports: RedrivePorts,
  requests: RequestStore,
  signal: AbortSignal,
): Promise<RequestEnd | 'again' | 'waits'> {
  const record = await requests.resentMessage(request.id);
  if (record === undefined) return { outcome: 'not-there', released: 0 };
  const wanted = await readMessage(record, settings);
  if (wanted.kind === 'unwanted') {
    return refused('The consumer leaves such events out: its onReplay is "ignore", or its onUnknownType is "skip".');
  }
  if (wanted.kind === 'no-event') return refused(`${wanted.reason}: ${wanted.message}`);
  const { content } = wanted;
  if (inboxKeyText(envelopeIn(content)) !== inboxKeyText(request.key)) {
    return refused('The command and the consumer take the event for one of two different keys: use the same version.');
  }
  // Parked, it would block its key forever.
  if (isUnreadable(content) && !isCurable(content.reason)) return refused(`${content.reason}: ${content.message}`);
  const letter = { record, content };
  return request.as === 'parked'
    ? park(letter, request, settings, ports, requests)
    : applyLate(letter, request, settings, ports, requests, signal);
}

type Letter = Pick<Attempt, 'record' | 'content'>;

/**
 * Parks the message at its own place, before messages that were parked later, and turns the request into a redrive of
 * the key in the same transaction.
 */
async function park(
  { record, content }: Letter,
  known: ResendRequest,
  settings: ConsumerSettings,
  ports: RedrivePorts,
  requests: RequestStore,
): Promise<RequestEnd | 'again'> {
  const { inbox, entries, ownWrites, rows } = ports;
  const { id, resent, request } = known;
  const envelope = envelopeIn(content);
  const key = inboxKeyOf(envelope);
  if (envelope.sequence === undefined && !parksKeys(settings)) {
    return refused(
      'The key has no versions, and this consumer parks none (onFailure, onUnreadable): later events would not wait for it. Send it again as late.',
    );
  }
  // Read before the place: a message that is parked there meanwhile raises the revision.
  const row = await inbox.read(key);
  if (await new EventApplier(settings, ports).isApplied(envelope, row, true)) return DUPLICATE;
  const occupant = await requests.parkedAt(key, parkedSortKey(record));
  if (occupant !== undefined && headerText(occupant, 'ce_id') !== envelope.id) {
    return refused(`Another event is parked at ${resent}: the topic was made again. Redrive the key first.`);
  }
  const why = `A dead letter was sent again, to be applied before the later events: ${request.why}`;
  const parked = entries.park(key, row, record, why, { resend: request });
  const bytes = parkedBytes(parked);
  if (bytes > DYNAMODB_LIMITS.itemBytes) {
    return refused(
      `The message takes ${bytes} bytes as an item, DynamoDB takes ${DYNAMODB_LIMITS.itemBytes}, so it cannot be parked.`,
    );
  }
  const unit = [
    ...parked,
    entries.row(key, row, { ...row.state, parked: true }),
    requests.replace(known, { id, asks: 'redrive', key, request, resent }),
    requests.removeResentMessage(id),
  ];
  outcomeOf(await ownWrites.write(unit), []);
  rows.forget(key);
  return 'again';
}

async function applyLate(
  letter: Letter,
  known: ResendRequest,
  settings: ConsumerSettings,
  ports: RedrivePorts,
  requests: RequestStore,
  signal: AbortSignal,
): Promise<RequestEnd | 'again' | 'waits'> {
  const { id, key, request, resent } = known;
  // Another process may have written the row since.
  ports.rows.forget(key);
  const alongside = [requests.replace(known, { id, asks: 'resent', key, request, resent })];
  const result = await attemptApart(letter, settings, ports, signal, (applier, attempt) =>
    applier.applyApart(attempt, { alongside, resend: request }),
  );
  switch (result) {
    case 'waits':
      return result;
    case 'duplicate':
      return DUPLICATE;
    case 'applied':
    case 'stale':
      return 'again';
    default:
      return refused(result.failure);
  }
}
