const { createRequire } = require('node:module');
const { sep } = require('node:path');
const { compileFunction } = require('node:vm');
const { default: JestRuntime } = require('jest-runtime');
const OneRealm = require('./environment');

const PACKAGES = `${sep}node_modules${sep}`;
const nodeRequire = createRequire(__filename);

/** What tests change in a package. Each function notes the state of the package, and returns how to restore it. */
const STATES = {
  'aws-sdk-client-mock': (_, path) => {
    const sinon = createRequire(path)('sinon');
    return () => sinon.restore();
  },
  kafkajs: ({ CompressionCodecs }) => {
    const before = { ...CompressionCodecs };
    return () => Object.assign(CompressionCodecs, before);
  },
};
const restores = new Map();

/**
 * Loads packages once per process by Node.js, and our own modules for each test file by Jest. The SDK and the CDK take
 * longer to load than most files take to run. Mocks of a package work: Jest looks for them first.
 *
 * A file with `@jest-environment node` on top has packages of its own.
 */
module.exports = class OneRealmRuntime extends JestRuntime {
  #environment;

  constructor(config, environment, ...rest) {
    super(config, environment, ...rest);
    if (!(environment instanceof OneRealm)) return;
    this.#environment = environment;
    const { executor } = this;
    executor.compile = (source, filename) => {
      if (environment.global === undefined) return null;
      return compileFunction(source, executor.injectedModuleParameters, { filename });
    };
  }

  requireModule(from, moduleName, options, isRequireActual) {
    if (this.#environment !== undefined && moduleName !== undefined && options?.isInternalModule !== true) {
      const path = this._resolution.isCoreModule(moduleName) ? '' : this._resolution.resolveCjs(from, moduleName);
      if (path.includes(PACKAGES)) return this.#shared(moduleName, path);
    }
    return super.requireModule(from, moduleName, options, isRequireActual);
  }

  /** The process is that of Node.js, whose `getBuiltinModule` needs no replacement. */
  installGetBuiltinModule() {
    if (!(this._environment instanceof OneRealm)) super.installGetBuiltinModule();
  }

  teardown() {
    super.teardown();
    for (const restore of restores.values()) restore();
  }

  #shared(name, path) {
    const loaded = nodeRequire.cache[path];
    if (loaded?.loaded === true) return loaded.exports;
    const exported = this.#environment.loadShared(() => nodeRequire(path));
    if (Object.hasOwn(STATES, name)) restores.set(name, STATES[name](exported, path));
    return exported;
  }
};
