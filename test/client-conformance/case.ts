import { slowestPublishMs, type Compression } from '../../lib/relay/environment';
import type { OpenClient } from './client';
import type { Verdict } from './judge';
import type { Route, Testbed } from './testbed';

export interface OpenOptions {
  /** Default: `none`. */
  readonly compression?: Compression;
  /** Default: `direct`. */
  readonly route?: Route;
}

export interface CaseContext {
  readonly testbed: Testbed;
  readonly clientName: string;
  readonly isControl: boolean;
  /** Messages that the case without faults publishes. */
  readonly records: number;
  /** Opens the client that is tested. The suite closes it. */
  open(options?: OpenOptions): OpenClient;
}

export interface CaseResult {
  readonly verdict?: Verdict;
  /** Batches without an acknowledgement and without a refusal. */
  readonly outages?: number;
  /** The longest call of `publish`. */
  readonly slowestMs?: number;
  /** Everything else that was not as it should be. */
  readonly faults: readonly string[];
}

export interface ConformanceCase {
  readonly name: string;
  readonly title: string;
  /** Whether a client is known to lose messages here that is used again after a failure. */
  readonly catchesControls?: boolean;
  run(context: CaseContext): Promise<CaseResult>;
}

export const REQUEST_TIMEOUT_MS = 1_500;

/** The time limit of `publish` that the relay relies on, and one more request timeout for a busy machine. */
export const PUBLISH_LIMIT_MS = slowestPublishMs({ requestTimeoutMs: REQUEST_TIMEOUT_MS }) + REQUEST_TIMEOUT_MS;
