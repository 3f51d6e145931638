import { rm } from 'node:fs/promises';
import { SYNTHESIZED } from '../../local/synthesize';
import { serverHost } from './global-setup';

/** Stops the servers and removes the files that `global-setup` created. */
export default async function removeServers(): Promise<void> {
  await serverHost?.stop();
  const folder = process.env[SYNTHESIZED];
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}
