import type { BuildOptions } from 'esbuild';

/** Bundling options of every Lambda function. */
export declare const BUNDLE_OPTIONS: BuildOptions;

export interface Bundle {
  readonly name: string;
  /** Absolute path of the directory that holds `index.js`. */
  readonly directory: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

/** Bundles each `<from>/<name>/index.ts` into `<to>/<name>`, by default `lambdas` into `dist/lambdas`. */
export function bundleLambdas(options?: { readonly from?: string; readonly to?: string }): Promise<Bundle[]>;
