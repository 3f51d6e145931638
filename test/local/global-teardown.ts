import { rm } from 'node:fs/promises';
import { SYNTHESIZED } from '../../local/synthesize';

/** Removes the files that `global-setup` created. */
export default async function removeSynthesized(): Promise<void> {
  const folder = process.env[SYNTHESIZED];
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}
