/** The imports of the code: no circle between files, and every published file is reached from an entry of the package. */
module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-circle-between-folders', severity: 'error', scope: 'folder', from: {}, to: { circular: true } },
    {
      name: 'no-unreachable-file',
      severity: 'error',
      from: { path: '^lib/[a-z]+\\.ts$|^lambdas/[a-z-]+/index\\.ts$|^bin/outbox\\.ts$' },
      to: { path: '^lib/', pathNot: '^lib/[a-z]+\\.ts$', reachable: false },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    includeOnly: '^(lib|bin|lambdas)/',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
    metrics: true,
  },
};
