import { mskTokens, type ReadCredentials } from '../../../lib/kafka/msk-token';

const NOW = Date.UTC(2026, 0, 31, 8);
beforeAll(() => jest.useFakeTimers({ now: NOW }));
afterAll(() => jest.useRealTimers());

const credentials = (accessKeyId: string, leftMs?: number) => ({
  accessKeyId,
  secretAccessKey: 'secret',
  sessionToken: 'session',
  ...(leftMs === undefined ? {} : { expiration: new Date(NOW + leftMs) }),
});

/** The query of the token's presigned request. */
async function queryOf(read: ReadCredentials): Promise<URLSearchParams> {
  const token = await mskTokens('eu-central-1', read)();
  return new URL(Buffer.from(token, 'base64url').toString()).searchParams;
}

test.each([undefined, 3_600_000, 899_217, 60_001])(
  'with %p ms left of the credentials, a token is asked for whole seconds',
  async (leftMs) => {
    const read = jest.fn(() => Promise.resolve(credentials('one', leftMs)));
    const query = await queryOf(read);
    expect(query.get('X-Amz-Expires')).toBe('900');
    expect(query.get('X-Amz-Credential')).toMatch(/^one\/20260131\/eu-central-1\/kafka-cluster\//);
    expect(query.get('X-Amz-Security-Token')).toBe('session');
    expect(read).toHaveBeenCalledTimes(1);
  },
);

test.each([60_000, 1_217, -5_000])('with %p ms left, newer credentials are asked for', async (leftMs) => {
  const read: ReadCredentials = (options) =>
    Promise.resolve(options?.forceRefresh === true ? credentials('two', 3_600_000) : credentials('one', leftMs));
  expect((await queryOf(read)).get('X-Amz-Credential')).toMatch(/^two\//);
});

test('credentials of which a second is left still sign, if there are no others', async () => {
  expect((await queryOf(() => Promise.resolve(credentials('one', 1_000)))).get('X-Amz-Expires')).toBe('900');
});

test('credentials that have ended sign nothing: the error tells since when', async () => {
  await expect(queryOf(() => Promise.resolve(credentials('one', -1)))).rejects.toThrow(
    'No token for MSK can be signed: the AWS credentials ended at 2026-01-31T07:59:59.999Z. Log in to AWS again.',
  );
});
