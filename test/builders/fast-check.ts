import fc from 'fast-check';

/** The same cases in every run, so that a run fails for what was changed; `SEED=… npm run test:unit` looks at others. */
fc.configureGlobal({ seed: Number(process.env['SEED'] ?? 20_261_127) });

export default fc;
