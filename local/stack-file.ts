import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CACHE } from './folders';

/** The data that another program needs to use the running stack. */
export interface StackDescription {
  readonly startedAt: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly dynamodbEndpoint: string;
  readonly tableName: string;
  readonly streamArn: string;
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
  /** Whether the event source mapping invokes the relay. */
  readonly mapping: 'Enabled' | 'Disabled';
  readonly logFolder: string;
  /** Only processes that this stack started. The relay has a new process after each kill or timeout. */
  readonly pids: {
    readonly stack: number;
    readonly dynamodb?: number;
    readonly kafka: readonly number[];
    readonly relay?: number;
  };
}

export const STACK_FILE = join(CACHE, 'stack.json');

/** Replaces the file in one step: a reader sees the old content or the new one. */
export function writeStackFile(path: string, description: StackDescription): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, `${JSON.stringify(description, null, 2)}\n`);
  renameSync(draft, path);
}

export const removeStackFile = (path: string): void => rmSync(path, { force: true });
