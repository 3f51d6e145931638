const OneRealm = require('../one-realm/environment');

/** Skips the tests after the first one that fails: the mutant is then killed. */
module.exports = class UntilFirstFailure extends OneRealm {
  #hasFailed = false;

  handleTestEvent(event) {
    super.handleTestEvent(event);
    if (event.name === 'test_done' && event.test.errors.length > 0) this.#hasFailed = true;
    if (event.name === 'test_start' && this.#hasFailed) event.test.mode = 'skip';
  }
};
