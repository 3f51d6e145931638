import { OutboxError } from '../../event/errors';
import { protocolErrorOf } from '../../kafka/protocol-error';
import type { ConsumerTelemetry } from '../ports';

const REPEAT_MS = 60_000;

export const isUnknownTopic = (error: unknown): boolean => protocolErrorOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';

/** Reports the topics that a consumer waits for: at once if they change, and then once a minute. */
export class MissingTopics {
  readonly #telemetry: ConsumerTelemetry;
  #reported = '';
  #reportedAt = -Infinity;

  constructor(telemetry: ConsumerTelemetry) {
    this.#telemetry = telemetry;
  }

  report(topics: readonly string[]): void {
    const isDue = performance.now() - this.#reportedAt >= REPEAT_MS;
    const names = topics.join(', ');
    if (names === this.#reported && !isDue) return;
    this.#reported = names;
    this.#reportedAt = performance.now();
    if (this.#telemetry.topicsMissing !== undefined) {
      this.#telemetry.topicsMissing({ topics });
      return;
    }
    const message = `The consumer waits for topics that do not exist: ${names}. Create them.`;
    this.#telemetry.readFailed(new OutboxError('topic-missing', message, { topics }));
  }
}
