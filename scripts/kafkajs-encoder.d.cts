import type { Plugin } from 'esbuild';

export declare const kafkajsEncoder: Plugin;
export declare function withoutZeroFill(source: string): string;
