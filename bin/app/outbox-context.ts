import { COMPRESSIONS, ORDERS } from '../../lib/relay/environment';
import { oneOf, text, wholeNumber } from './context-values';
import { MONITORING_KEYS } from './monitoring-context';

/** Context keys of the outbox itself, on a new and on an existing cluster. */
export const OUTBOX_KEYS = {
  ...MONITORING_KEYS,
  /** How long a processed item stays readable; 0 deletes it at once. */
  retentionSeconds: wholeNumber,
  compression: oneOf(...COMPRESSIONS),
  order: oneOf(...ORDERS),
  /** Value of the metrics dimension `Outbox`. */
  outboxName: text,
};
