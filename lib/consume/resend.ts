import { parksKeys } from './apply-once';
import type { Attempt } from './attempt';
import { envelopeIn, isCurable, isUnreadable } from './decode';
import { inboxKeyOf, inboxKeyText, parkedSortKey } from './inbox-keys';
import { readMessage } from './message-content';
import type { RequestStore } from './ports';
import { headerText } from './record';
import { attemptStored, type Redriving } from './redrive';
import type { RequestEnd, ResendRequest } from './request';

const refused = (message: string): RequestEnd => ({ outcome: 'refused', released: 0, message });
const DUPLICATE: RequestEnd = { outcome: 'duplicate', released: 0 };

/**
 * Applies a dead letter, or parks it for the redrive that follows. Each step may be repeated and may run next to
 * another instance: a permanent marker shows whether the event was applied. `again`: the request was replaced by its
 * remaining work, or has changed. `waits`: the next poll continues it.
 */
export async function resend(
  request: ResendRequest,
  redriving: Redriving,
  requests: RequestStore,
): Promise<RequestEnd | 'again' | 'waits'> {
  const record = await requests.resentMessage(request.id);
  if (record === undefined) return { outcome: 'not-there', released: 0 };
  const read = await readMessage(record, redriving.settings);
  if (read.kind === 'ignored') {
    return refused('The consumer ignores such events: its onReplay is "ignore", or its onUnknownType is "skip".');
  }
  if (read.kind === 'no-event') return refused(`${read.reason}: ${read.message}`);
  const { content } = read;
  if (inboxKeyText(envelopeIn(content)) !== inboxKeyText(request.key)) {
    return refused(
      'The command and the consumer read two different keys from the event. Use the command of the version that the consumer runs.',
    );
  }
  // Parked, it would block its key forever.
  if (isUnreadable(content) && !isCurable(content.reason)) return refused(`${content.reason}: ${content.message}`);
  const letter = { record, content };
  return request.as === 'parked'
    ? park(letter, request, redriving, requests)
    : applyLate(letter, request, redriving, requests);
}

type Letter = Pick<Attempt, 'record' | 'content'>;

/** Parks the message at its own place, and turns the request into a redrive of the key in the same transaction. */
async function park(
  { record, content }: Letter,
  known: ResendRequest,
  { settings, ports }: Redriving,
  requests: RequestStore,
): Promise<RequestEnd | 'again'> {
  const { view, writer } = ports;
  const { id, resent, request } = known;
  const envelope = envelopeIn(content);
  const key = inboxKeyOf(envelope);
  if (envelope.sequence === undefined && !parksKeys(settings)) {
    return refused(
      'The key has no versions, and this consumer parks no keys (onFailure, onUnreadable): later events would not wait for it. Send it again as late.',
    );
  }
  // Read before the place: a message that is parked there meanwhile raises the revision.
  const row = await view.readRow(key);
  if ((await view.find(envelope, row, true)).applied !== undefined) return DUPLICATE;
  const occupant = await requests.parkedAt(key, parkedSortKey(record));
  if (occupant !== undefined && headerText(occupant, 'ce_id') !== envelope.id) {
    return refused(`Another event is parked at ${resent}: the topic was recreated. Redrive the key first.`);
  }
  const why = `A dead letter was sent again, to be applied before the later events: ${request.why}`;
  const parking = writer.parking(record, key, row, why, { resend: request });
  if (typeof parking === 'string') return refused(parking);
  await writer.write([
    ...parking,
    writer.actions.row(key, row, { ...row.state, parked: true }),
    requests.replace(known, { id, asks: 'redrive', key, request, resent }),
    requests.removeResentMessage(id),
  ]);
  view.forget(key);
  return 'again';
}

async function applyLate(
  letter: Letter,
  known: ResendRequest,
  redriving: Redriving,
  requests: RequestStore,
): Promise<RequestEnd | 'again' | 'waits'> {
  const { id, key, request, resent } = known;
  // Another process may have written the row since.
  redriving.ports.view.forget(key);
  const alongside = [requests.replace(known, { id, asks: 'resent', key, request, resent })];
  const result = await attemptStored(letter, redriving, (applier, attempt) =>
    applier.applyStored(attempt, { alongside, resend: request }),
  );
  if (result === 'waits') return result;
  if (result === 'duplicate') return DUPLICATE;
  return result === 'applied' || result === 'stale' ? 'again' : refused(result.failure);
}
