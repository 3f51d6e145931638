import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { build } from 'esbuild';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import { messageOf } from '../../lib/event/errors';
import { LocalStackError } from '../errors';
import { ROOT } from '../folders';
import { actionInput } from './actions';
import type { Console } from './console';
import { newToken, refusalOf, TOKEN_HEADER } from './guard';
import { inspectKey, type Inspector } from './inspect-key';

export interface ConsoleServer {
  /** `http://127.0.0.1:<port>/` */
  readonly url: string;
  stop(): Promise<void>;
}

const LANES_EVERY_MS = 100;
const DASHBOARD_EVERY_MS = 1_000;
const RUNBOOK = /^[\w-]+$/;
/** Nothing of the page comes from elsewhere, so that it works without a network, and nothing else can be loaded. */
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Serves the console's page and its data on 127.0.0.1. Requests of other pages, and by other names of this machine, are
 * refused; a request that changes something needs the token of the page.
 *
 * @param port - 0 for a free one
 */
export async function serveConsole(console: Console, inspector: Inspector, port = 0): Promise<ConsoleServer> {
  const token = newToken();
  const page = await bundlePage();
  const app = new Hono();
  let listening = port;
  const stopping = new AbortController();

  app.use(async (context, next) => {
    const refusal = refusalOf(
      {
        method: context.req.method,
        host: context.req.header('host'),
        origin: context.req.header('origin'),
        token: context.req.header(TOKEN_HEADER),
      },
      listening,
      token,
    );
    if (refusal !== undefined) return context.json({ error: refusal }, 403);
    await next();
    context.header('content-security-policy', POLICY);
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
  });
  app.onError((error, context) => context.json({ error: error.message }, error instanceof RangeError ? 404 : 400));

  app.get('/', (context) => context.html(page.html.replace('%TOKEN%', token)));
  app.get('/page.js', (context) =>
    context.body(page.script, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  );
  app.get('/page.css', (context) => context.body(page.style, 200, { 'content-type': 'text/css; charset=utf-8' }));
  app.get('/favicon.ico', (context) => context.body(null, 204));

  app.get('/api/stream', (context) =>
    streamSSE(context, async (stream) => {
      const send = (event: string, data: unknown): Promise<void> =>
        stream.writeSSE({ event, data: JSON.stringify(data) });
      let sentAt = 0;
      let revision = 0;
      while (!stream.aborted && !stopping.signal.aborted) {
        const { lanes } = console;
        const changed = lanes.changedAfter(revision);
        revision = changed.revision;
        if (changed.events.length > 0) await send('events', changed.events);
        if (Date.now() - sentAt >= DASHBOARD_EVERY_MS) {
          sentAt = Date.now();
          await send('lanes', console.progress());
          await send('status', console.status());
          await send('dashboard', console.dashboard());
        }
        await stream.sleep(LANES_EVERY_MS);
      }
    }),
  );

  app.get('/api/actions', (context) =>
    context.json(console.actions.map(({ name, label, needs }) => ({ name, label, needs }))),
  );
  app.post('/api/actions/:name/:step{plan|run}', async (context) => {
    const { name, step } = context.req.param();
    const action = console.actions.find((each) => each.name === name);
    if (action === undefined) throw new RangeError(`There is no action "${name}".`);
    const input = actionInput.parse(await context.req.json());
    const plan = await action.plan(input);
    return context.json({ lines: step === 'plan' ? plan.lines : await plan.run(), command: plan.command });
  });
  app.post('/api/faults/:name', async (context) => {
    const { on } = z.object({ on: z.boolean() }).parse(await context.req.json());
    await console.setFault(context.req.param('name'), on);
    return context.json(console.status());
  });
  app.get('/api/keys/:key', async (context) => context.json(await inspectKey(inspector, context.req.param('key'))));
  app.get('/api/runbooks/:name', async (context) => {
    const name = context.req.param('name');
    if (!RUNBOOK.test(name)) throw new RangeError(`There is no runbook "${name}".`);
    return context.html(await renderRunbook(name));
  });

  const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }) as Server;
  await once(server, 'listening').catch((cause: unknown) => {
    const message = `The console cannot use port ${port}: ${messageOf(cause)}. Choose another one, or none for a free one.`;
    throw new LocalStackError('invalid-option', message, { cause });
  });
  const address = server.address();
  listening = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${listening}/`,
    async stop() {
      stopping.abort();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function renderRunbook(name: string): Promise<string> {
  let markdown: string;
  try {
    markdown = readFileSync(join(ROOT, 'docs', 'runbooks', `${name}.md`), 'utf8');
  } catch (cause) {
    throw new RangeError(`There is no runbook "${name}".`, { cause });
  }
  const { Marked } = await import('marked');
  // The page has no place for other documents: a link is shown as its text and the file that it names.
  const renderer = { link: ({ href, text }: { readonly href: string; readonly text: string }) => `${text} (${href})` };
  return new Marked({ renderer }).parse(markdown, { async: false });
}

async function bundlePage(): Promise<{ readonly html: string; readonly script: string; readonly style: string }> {
  const folder = join(__dirname, 'page');
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'page.tsx')],
    outdir: folder,
    bundle: true,
    write: false,
    minify: true,
    target: 'es2023',
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // This package has no side effects, except for the page's.
    ignoreAnnotations: true,
  });
  const textOf = (ending: string): string => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  return { html: readFileSync(join(folder, 'page.html'), 'utf8'), script: textOf('.js'), style: textOf('.css') };
}
