import { rm } from 'node:fs/promises';
import { serverHost } from './global-setup';
import { RUN_FOLDER } from './harness/run-folder';

/** Stops the servers and removes the files that `global-setup` created. */
export default async function removeServers(): Promise<void> {
  await serverHost?.stop();
  const folder = process.env[RUN_FOLDER];
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}
