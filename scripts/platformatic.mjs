/** Modules of @platformatic/kafka and their packages that the relay needs when they are loaded, and never after. */
const NEVER_CALLED = [
  {
    // Validates the options of clients; the relay uses none, only their connections.
    path: /^ajv\/dist\/2020\.js$/,
    contents: 'export class Ajv2020 { addKeyword() {} compile() { return () => true; } }',
  },
  {
    // Checksums, and compressions that the relay does not offer, in WebAssembly. The relay's encoder has its own.
    path: /^(@platformatic\/wasm-utils|\.\.\/protocol\/crc32c\.js|\.\/crc32c\.js)$/,
    contents: `const refuse = () => { throw new Error('This function is not part of the bundle.'); };
      export { ${['crc32c', 'snappyCompress', 'snappyDecompress', 'lz4Compress', 'lz4Decompress'].map((name) => `refuse as ${name}`).join(', ')} };`,
  },
];

const PACKAGE = /\/node_modules\/@platformatic\/[^/]+\//;

/**
 * Leaves out the parts of @platformatic/kafka that the relay does not use. The package does not declare that its modules
 * have no side effects, and some of them compile JSON Schemas or WebAssembly when they are loaded.
 */
export const usedPartsOfPlatformatic = {
  name: 'used-parts-of-platformatic',
  setup(build) {
    const isInPackage = (path) => PACKAGE.test(path.replaceAll('\\', '/'));
    for (const [index, { path, contents }] of NEVER_CALLED.entries()) {
      const namespace = `never-called-${index}`;
      build.onResolve({ filter: path }, ({ importer }) =>
        isInPackage(importer) ? { path: 'stub', namespace } : undefined,
      );
      build.onLoad({ filter: /.*/, namespace }, () => ({ contents }));
    }
    build.onResolve({ filter: /^(@platformatic\/|\.)/ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      if (pluginData === build || !(path.startsWith('@') || isInPackage(importer))) return undefined;
      const resolved = await build.resolve(path, { importer, resolveDir, kind, pluginData: build });
      return { ...resolved, sideEffects: false };
    });
  },
};
