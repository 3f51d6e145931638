/** Real servers start, stop and recover in their own time. */
jest.setTimeout(180_000);
