import { fileURLToPath } from 'node:url';

/** TypeScript 7. `node_modules/.bin/tsc` is not always this one, because TypeScript 6 has a command of the same name. */
export const TSC = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript-native/package.json')));
