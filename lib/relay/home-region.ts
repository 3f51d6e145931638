import { streamNameOf, type HomeRegion } from '../event/home-region';
import { isSignalKey } from '../event/signal';
import type { StreamRecord } from './record';

/**
 * The records of a batch that a relay with a home region acts on. The mapping's filter passes no others. Without the
 * filter, every region would publish every event.
 *
 * Signals have no region: each region acts on its own items of the key, and does nothing if it has none.
 */
export function recordsOfHome<R extends StreamRecord>(
  records: readonly R[],
  home: HomeRegion | undefined,
): readonly R[] {
  if (home === undefined) return records;
  return records.filter((record) => isOfHome(record, home)).map((record) => underStreamNameOf(record, home));
}

function isOfHome({ dynamodb }: StreamRecord, { publishesFor }: HomeRegion): boolean {
  const image = { ...dynamodb?.Keys, ...dynamodb?.NewImage };
  return isSignalKey(image['sk']?.S ?? '') || publishesFor.includes(image['region']?.S ?? '');
}

const underStreamNameOf = <R extends StreamRecord>(record: R, home: HomeRegion): R =>
  record.eventSourceARN === undefined
    ? record
    : { ...record, eventSourceARN: streamNameOf(record.eventSourceARN, home) };
