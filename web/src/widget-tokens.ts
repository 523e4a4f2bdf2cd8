/**
 * Which token the chat goes on with: what is remembered, what the site's own server gives, or none,
 * where strangers get theirs by the site's public key. Owns whom the server has confirmed on this page.
 */

import { alone } from './widget-kept';
import type { Memory } from './widget-kept';
import { read } from './widget-wire';

/** A site's server that does not answer within this is taken for one that is away. */
const ANSWER_WITHIN_MS = 10_000;

/** How long another tab waits for a frame that gets a token by the site's key. */
const KEY_WITHIN_MS = 15_000;

/** The site's server refused, or could not be asked. */
export class NoToken extends Error {
  readonly refused: boolean;

  constructor(refused: boolean, message: string) {
    super(message);
    this.refused = refused;
  }
}

export interface Asking {
  /** A token that did not open anything. */
  readonly stale: string | null;
  /** The user wants a new conversation. */
  readonly fresh: boolean;
}

export class Tokens {
  readonly #url: string | null;
  readonly #memory: Memory;
  /** Under which the tabs of this site agree. */
  readonly #name: string;
  /** Who the site's server has said is here, since this page was loaded. */
  #confirmed: string | null = null;
  /** Called when a token that the frame got by the key is known. */
  #got: (() => void) | null = null;

  constructor(url: string | null, memory: Memory, name: string) {
    this.#url = url;
    this.#memory = memory;
    this.#name = name;
  }

  /**
   * Gives a token to `take`; null where the frame has to get one by the key. Other tabs wait until it
   * is known, and take the same.
   */
  get(asking: Asking, take: (token: string | null) => void): Promise<void> {
    return alone(this.#name, async () => {
      if (this.#url === null) return this.#byKey(asking, take);
      const token = await this.#fromServer(this.#url, asking);
      this.#memory.goOn(token);
      take(token);
    });
  }

  /** The frame has got a token, or there is no frame any more. */
  got(): void {
    this.#got?.();
  }

  /** Nobody is known to be here. */
  forget(): void {
    this.#confirmed = null;
  }

  async #byKey(asking: Asking, take: (token: string | null) => void): Promise<void> {
    const token = this.#remembered(asking);
    take(token);
    if (token !== null) return;
    await new Promise<void>((resolve) => {
      this.#got = resolve;
      setTimeout(resolve, KEY_WITHIN_MS);
    });
    this.#got = null;
  }

  /** What is remembered, unless it is worth nothing. */
  #remembered({ stale, fresh }: Asking): string | null {
    const { token } = this.#memory.fresh();
    return fresh || token === stale ? null : token;
  }

  /** A token for who is signed in now, for the conversation they had here where that can be had. */
  async #fromServer(url: string, asking: Asking): Promise<string> {
    const kept = this.#remembered(asking);
    let given: Given;
    try {
      given = await ask(url, asking.fresh);
    } catch (error) {
      const away = error instanceof NoToken && !error.refused;
      if (!away) this.#confirmed = null;
      if (away && kept !== null && this.#isTheirs(kept)) return kept;
      throw error;
    }
    this.#confirmed = given.user;
    return kept !== null && isBetter(kept, given) ? kept : given.token;
  }

  /**
   * Whether a remembered token may be gone on with while nobody can be asked who is signed in. The one
   * of a named user only where that user is known to be here: it may be another person's computer now.
   */
  #isTheirs(kept: string): boolean {
    const said = read(kept);
    return said !== null && (said.user === null || said.user === this.#confirmed);
  }
}

interface Given {
  readonly token: string;
  readonly user: string | null;
  readonly conversation: string;
  /** The site's server remembers this user's conversation by itself. */
  readonly known: boolean;
}

/**
 * What is remembered is better than what was given, if it is the same person's and what was given
 * would begin another conversation.
 */
function isBetter(kept: string, given: Given): boolean {
  const before = read(kept);
  if (before === null || given.known) return false;
  return before.user === given.user && before.conversation !== given.conversation;
}

async function ask(url: string, fresh: boolean): Promise<Given> {
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fresh }),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
  } catch (error) {
    throw new NoToken(false, `${url} does not answer: ${String(error)}`);
  }
  if (!answer.ok) {
    const refused = answer.status < 500 && answer.status !== 429;
    throw new NoToken(refused, `${url} answers ${answer.status}`);
  }
  const found = (await answer.json().catch(() => null)) as Partial<Record<string, unknown>> | null;
  const token = found?.['token'];
  const said = typeof token === 'string' ? read(token) : null;
  if (typeof token !== 'string' || said === null) {
    throw new NoToken(true, `${url} answers without a \`token\` of Warmline's`);
  }
  return { token, user: said.user, conversation: said.conversation, known: found?.['known'] === true };
}
