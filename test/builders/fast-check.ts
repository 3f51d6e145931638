import fc from 'fast-check';

/** Every run tests the same cases, so that only a change can fail it. `SEED=… npm run test:unit` tests others. */
fc.configureGlobal({ seed: Number(process.env['SEED'] ?? 20_261_127) });

export default fc;
