import type { BuildOptions, Plugin } from 'esbuild';

/** How everything that runs as a Lambda function is bundled. */
export declare const BUNDLE_OPTIONS: BuildOptions & { readonly plugins: readonly Plugin[] };

export interface Bundle {
  readonly name: string;
  /** Absolute path of the directory that holds `index.js`. */
  readonly directory: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

/** Bundles each `<from>/<name>/index.ts` into `<to>/<name>`; by default `lambdas` into `dist/lambdas` of this package. */
export function bundleLambdas(options?: { readonly from?: string; readonly to?: string }): Promise<Bundle[]>;
