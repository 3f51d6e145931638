// Reports how many milliseconds the module takes to load in a process that did nothing else.
import { createRequire } from 'node:module';

const { BENCH_BUNDLE: path = '' } = process.env;
const require = createRequire(path);
const startedAt = performance.now();
require(path);
process.send?.(performance.now() - startedAt, undefined, {}, () => process.exit(0));
