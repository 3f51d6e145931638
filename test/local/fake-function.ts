import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FunctionSettings } from '../../local/template';

/** A function whose code the test provides. */
export interface FakeFunction {
  readonly settings: FunctionSettings;
  /** The texts that the code passed to `note()`, over all its processes. */
  readonly notes: () => readonly string[];
  readonly remove: () => void;
}

/**
 * Bundles `body` as the handler `async (event, context) => { … }`. It may use `note(text)`, which outlives the process,
 * and `names`, the `sk` of each record.
 */
export function fakeFunction(body: string, limits: { timeoutSeconds?: number; memoryMb?: number } = {}): FakeFunction {
  const codeFolder = mkdtempSync(join(tmpdir(), 'fake-function-'));
  const notes = join(codeFolder, 'notes.txt');
  writeFileSync(notes, '');
  writeFileSync(
    join(codeFolder, 'index.js'),
    `const { appendFileSync } = require('node:fs');
     const note = (text) => appendFileSync(${JSON.stringify(notes)}, text + '\\n');
     const noted = (text) => require('node:fs').readFileSync(${JSON.stringify(notes)}, 'utf8').split('\\n').includes(text);
     const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
     const failFrom = (record) => ({ batchItemFailures: [{ itemIdentifier: record.dynamodb.SequenceNumber }] });
     exports.handler = async (event, context) => {
       const names = event.Records.map(({ dynamodb }) => dynamodb.Keys.sk.S).join('');
       ${body}
     };`,
  );
  return {
    settings: {
      logicalId: 'Fake',
      handler: 'index.handler',
      runtime: 'nodejs24.x',
      timeoutSeconds: limits.timeoutSeconds ?? 10,
      memoryMb: limits.memoryMb ?? 256,
      codeFolder,
      environment: () => ({}),
    },
    notes: () => readFileSync(notes, 'utf8').split('\n').slice(0, -1),
    remove: () => rmSync(codeFolder, { recursive: true }),
  };
}
