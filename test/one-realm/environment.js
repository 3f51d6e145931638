const { LegacyFakeTimers, ModernFakeTimers } = require('@jest/fake-timers');
const { ModuleMocker } = require('jest-mock');

/** The CDK looks all its tokens up in it, also those that its modules made when they were loaded. */
const CDK_TOKENS = '__cdkTokenMap';
const ENV = process.env;

/** The globals that shared packages define. Only files that run in this environment see them. */
const shared = {};

/**
 * Runs a test file with the globals of Node.js instead of a copy of them. Code that uses `Map`, `Math` or `Promise` all
 * the time is then twice as fast, and all files of a process can share the packages that `runtime.js` loads.
 *
 * After each file, the globals, `process` and the environment variables are as they were before it.
 */
module.exports = class OneRealm {
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  #globals = Object.getOwnPropertyDescriptors(globalThis);
  #process = Object.getOwnPropertyDescriptors(process);
  #env = { ...ENV };
  #exitCode = process.exitCode;
  #listeners = new Map(process.eventNames().map((event) => [event, process.rawListeners(event)]));

  constructor({ projectConfig: config }) {
    const global = globalThis;
    Object.defineProperties(global, shared);
    // Node.js has no identifiers of timers that Jest would have to wrap.
    const timerConfig = { idToRef: (id) => id, refToId: (timer) => timer };
    this.fakeTimers = new LegacyFakeTimers({ config, global, moduleMocker: this.moduleMocker, timerConfig });
    this.fakeTimersModern = new ModernFakeTimers({ config, global });
  }

  /** Loads a package, and keeps the globals that it defines for the next files. */
  loadShared(load) {
    const before = Object.getOwnPropertyDescriptors(globalThis);
    try {
      return load();
    } finally {
      const after = Object.getOwnPropertyDescriptors(globalThis);
      for (const key of Reflect.ownKeys(after)) if (!isSame(before[key], after[key])) shared[key] = after[key];
    }
  }

  setup() {
    return Promise.resolve();
  }

  /** Jest measures the time of the file after this event, and before `teardown`. */
  handleTestEvent({ name }) {
    if (name === 'run_finish') this.fakeTimersModern.useRealTimers();
  }

  teardown() {
    this.fakeTimers.dispose();
    this.fakeTimersModern.dispose();
    const tokens = Object.getOwnPropertyDescriptor(globalThis, CDK_TOKENS);
    if (tokens !== undefined) shared[CDK_TOKENS] = tokens;
    restore(globalThis, this.#globals);
    restore(process, this.#process);
    restore(ENV, Object.getOwnPropertyDescriptors(this.#env));
    process.exitCode = this.#exitCode;
    for (const event of new Set([...process.eventNames(), ...this.#listeners.keys()])) {
      restoreListeners(event, this.#listeners.get(event) ?? []);
    }
    // Jest then refuses modules that the file still loads.
    this.global = undefined;
    return Promise.resolve();
  }

  exportConditions() {
    return ['node', 'node-addons'];
  }

  /** There is none: `runtime.js` compiles modules for the context of Node.js. */
  getVmContext() {
    return undefined;
  }
};

const isSame = (a, b) => a?.value === b?.value && a?.get === b?.get && a?.set === b?.set;

/** Gives the object the properties that it had before. */
function restore(object, before) {
  const now = Object.getOwnPropertyDescriptors(object);
  for (const key of Reflect.ownKeys(now)) if (!Object.hasOwn(before, key)) Reflect.deleteProperty(object, key);
  for (const key of Reflect.ownKeys(before)) {
    if (!isSame(now[key], before[key])) Reflect.defineProperty(object, key, before[key]);
  }
}

function restoreListeners(event, before) {
  const now = process.rawListeners(event);
  if (now.length === before.length && now.every((listener, index) => listener === before[index])) return;
  process.removeAllListeners(event);
  for (const listener of before) process.on(event, listener);
}
