import type { ConsistencyToken } from '../../lib/consumer';
import type { Command } from './plan';
import type { CommittedEvent } from './record';

/** The first message to a writer, with its tables and their endpoint. */
export interface WriterConfig {
  readonly kind: 'start';
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly ordersTable: string;
  readonly outboxTable: string;
}

export type ToWriter = WriterConfig | { readonly kind: 'run'; readonly id: number; readonly command: Command };

export type Outcome =
  | { readonly kind: 'committed'; readonly events: readonly CommittedEvent[]; readonly token: ConsistencyToken }
  /** A rule of the service refused the command; nothing was written. */
  | { readonly kind: 'refused'; readonly message: string; readonly retryable: boolean }
  | { readonly kind: 'failed'; readonly message: string };

export type FromWriter =
  { readonly kind: 'ready' } | { readonly kind: 'done'; readonly id: number; readonly outcome: Outcome };
