// Jest reads `testTimeout` of the whole run only, not that of a project.
jest.setTimeout(1_800_000);
