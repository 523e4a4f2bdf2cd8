/**
 * The line to the gateway: gets a token that opens something, holds the Direct Line connection, and
 * says how its sockets are; whether it can go on is the business of `frame-lasting.ts`.
 */

import { sealed } from './frame-sealed-line';
import { canSeal, Sealing } from './frame-sealing';
import type { DirectLine, WebChat } from './web-chat';

/**
 * What a person should know about the connection. `gone`: it is the conversation that cannot be gone on
 * with, and a new one can be begun.
 */
export type Connection = 'connecting' | 'online' | 'reconnecting' | 'failed' | 'refused' | 'gone';

/** A gateway that restarts is back within two seconds; this asks again until then. */
const RETRY_AFTER_MS = 1_500;

/** So often before the user is asked to try again. */
const ATTEMPTS_MAX = 12;

/** The gateway answers these from memory. */
const ANSWER_WITHIN_MS = 10_000;

/** Where this gateway is, wherever below its host it is served. */
const GATEWAY = new URL('..', location.href).href;

/** How a page may use what it gave. */
export type Admission = 'open' | 'expired' | 'refused';

/** Whether the page around may use this token. */
export async function admitted(origin: string, token: string): Promise<Admission> {
  const answer = await asked('widget/admissions', { origin }, token);
  if (answer.ok) return 'open';
  const { error } = (await answer.json().catch(() => ({}))) as { error?: { message?: string } };
  if (answer.status === 401) return 'expired';
  console.error('Warmline:', error?.message ?? `the gateway answers ${answer.status}`);
  return 'refused';
}

/** A token for a stranger, by the site's public key; null if the page may not have one. */
export async function byKey(origin: string, key: string): Promise<string | null> {
  const answer = await asked('widget/tokens', { origin, key });
  const said = (await answer.json().catch(() => ({}))) as { token?: string; error?: { message?: string } };
  if (answer.ok && typeof said.token === 'string') return said.token;
  console.error('Warmline:', said.error?.message ?? `the gateway answers ${answer.status}`);
  return null;
}

/** Asks until somebody answers with anything but "not now"; rejects when nobody does. */
async function asked(path: string, body: object, token?: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      const answer = await fetch(new URL(path, GATEWAY), { method: 'POST', headers, body: JSON.stringify(body), signal });
      if (answer.status < 500 && answer.status !== 429) return answer;
    } catch (error) {
      if (attempt === ATTEMPTS_MAX) throw error;
    }
    if (attempt === ATTEMPTS_MAX) throw new Error('the gateway does not answer');
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
  }
}

/** A line, and whether its messages are sealed between this browser and the gateway. */
export interface Connected {
  readonly line: DirectLine;
  readonly isSealed: boolean;
}

/**
 * Direct Line over this token, with every message sealed where the browser can; there is no falling
 * back where it fails. Always by a start and never by coming back: both mean the same
 * conversation, but only a start brings all of it from the beginning. `tell` hears of its sockets; `lost`
 * is called when this line cannot go on, and another one might.
 */
export async function connect(
  webChat: WebChat,
  token: string,
  tell: (connection: Connection) => void,
  lost: () => void,
): Promise<Connected> {
  const sealing = canSeal() ? await Sealing.begin(GATEWAY) : null;
  const own = sealing === null ? token : await sealing.present(token);
  watchSockets(tell);
  const domain = new URL('v3/directline', GATEWAY).href;
  const plain = webChat.createDirectLine({ domain, token: own });
  const line = sealing === null ? plain : sealed(plain, sealing, lost);
  return { line, isSealed: sealing !== null };
}

/** The browser's own, before the first line was watched. */
const Plain = window.WebSocket;

/**
 * Direct Line's client stays "online" while its socket is gone and it waits to open another, so the
 * sockets themselves are watched. There are none in this frame but the chat's.
 */
function watchSockets(tell: (connection: Connection) => void): void {
  window.WebSocket = class extends Plain {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      let opened = false;
      this.addEventListener('open', () => {
        opened = true;
        tell('online');
      });
      this.addEventListener('close', () => {
        if (opened) tell('reconnecting');
      });
    }
  };
}
