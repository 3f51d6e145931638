/** Calls the console at `url` as its page does. `path` begins with `api/`. */
export async function postToConsole(url: string, path: string, body: unknown): Promise<Response> {
  const html = await (await fetch(url)).text();
  const [, token = ''] = /name="console-token" content="([^"]*)"/.exec(html) ?? [];
  return fetch(url + path, { method: 'POST', headers: { 'x-console-token': token }, body: JSON.stringify(body) });
}

/** The environment for a stack that starts servers of its own: its faults stop and fill them. */
export function withoutServers(): NodeJS.ProcessEnv {
  const { KAFKA_BROKERS: _, DYNAMODB_ENDPOINT: __, ...rest } = process.env;
  return rest;
}
