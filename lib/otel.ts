export { traceOutbox, type OtelOptions } from './otel/trace-outbox';
