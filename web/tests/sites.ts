/** A site of somebody's with the widget on its page, and a gateway that knows of it. */

import { createServer } from 'node:http';
import type { Server } from 'node:http';

import { eventually } from './browser.ts';
import { freePort, Program, run, temporaryFolder } from './program.ts';

const SECRET = 'a-direct-line-secret-of-a-site-0123456789';

/** The site's server: a page with the tag, and who is signed in. */
export interface Site {
  readonly origin: string;
  /** Who is signed in; null is a visitor that the site does not know. */
  user: string | null;
  /** It answers 503 when it is asked for a token. */
  away: boolean;
  /** It remembers the conversation of who is signed in, and gives tokens for that. */
  remembers: boolean;
  stop(): Promise<void>;
}

export interface Gateway {
  readonly origin: string;
  /** Makes another root key, and voids at once what the others have signed. */
  voidTokens(): Promise<void>;
  stop(): Promise<void>;
}

/** A gateway whose desk nobody can reach; the built-in bot answers. */
export async function startGateway(environment: Readonly<Record<string, string>> = {}): Promise<Gateway> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const settings = {
    SERVICENOW_INSTANCE: `http://127.0.0.1:${await freePort()}`,
    SERVICENOW_CLIENT_ID: 'client',
    SERVICENOW_CLIENT_SECRET: 'client-secret',
    SERVICENOW_USERNAME: 'integration',
    SERVICENOW_PASSWORD: 'a-password',
    WEBHOOK_SECRET: 'a-webhook-secret-of-a-site-0123456789abc',
    DIRECT_LINE_SECRET: SECRET,
    WARMLINE_LISTEN: `127.0.0.1:${port}`,
    WARMLINE_PUBLIC_URL: origin,
    WARMLINE_DATA_DIR: temporaryFolder(),
    ...environment,
  };
  const program = new Program(['serve'], settings);
  await program.prints(/warmline listens on/);
  return { origin, voidTokens: () => voidTokens(settings), stop: () => program.stop() };
}

async function voidTokens(settings: Readonly<Record<string, string>>): Promise<void> {
  const keys = async (...order: string[]) =>
    JSON.parse(await run(['keys', '--json', ...order], settings)) as { roots: { id: string }[] };
  const { roots: before } = await keys('status');
  await keys('rotate');
  for (const { id } of before) {
    // Not while something may be sealed under it.
    await eventually(`the root key ${id} is retired`, () => keys('retire', id).then(() => true, () => false));
  }
}

/** `tag` is what the page's script tag says beside the address. */
export async function startSite(port: number, gateway: string, tag: string): Promise<Site> {
  const origin = `http://127.0.0.1:${port}`;
  const page = `<!doctype html><html lang="en"><title>Somebody's site</title><h1>A site</h1>
    <script src="${gateway}/widget.js" ${tag} async></script>`;
  const conversations = new Map<string | null, string>();
  const ask = async (path: string): Promise<{ token?: string; conversationId: string }> => {
    const answer = await fetch(`${gateway}/v3/directline/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
      body: JSON.stringify(site.user === null ? {} : { user: { id: `dl_${site.user}` } }),
    });
    return (await answer.json()) as { token?: string; conversationId: string };
  };
  const token = async (): Promise<string | null> => {
    const { user, away, remembers } = site;
    if (away) return null;
    const known = remembers ? conversations.get(user) : undefined;
    const again = known === undefined ? null : await ask(`conversations/${known}/tokens`);
    // One that no page has started is not there.
    const given = again?.token ? again : await ask('tokens/generate');
    conversations.set(user, given.conversationId);
    return given.token ?? null;
  };
  const server: Server = createServer((request, response) => {
    if (request.url !== '/token') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(page);
      return;
    }
    token().then(
      (given) =>
        response
          .writeHead(given === null ? 503 : 200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ token: given })),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const site: Site = { origin, user: null, away: false, remembers: false, stop };
  return site;
}
