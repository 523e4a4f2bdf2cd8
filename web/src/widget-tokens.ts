/**
 * Which token the chat goes on with: what is remembered, what the site's own server gives, or none,
 * where strangers get theirs by the site's public key.
 */

import type { Memory } from './widget-kept';
import { read } from './widget-wire';

/** A site's server that does not answer within this is taken for one that is away. */
const ANSWER_WITHIN_MS = 10_000;

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

/** What is remembered, unless it is worth nothing. */
export function remembered(memory: Memory, { stale, fresh }: Asking): string | null {
  const { token } = memory.fresh();
  return fresh || token === stale ? null : token;
}

/** A token for who is signed in now, for the conversation they had here where that can be had. */
export async function fromServer(url: string, memory: Memory, asking: Asking): Promise<string> {
  const kept = remembered(memory, asking);
  let given: Given;
  try {
    given = await ask(url, asking.fresh);
  } catch (error) {
    // The site's server is away, and what is remembered may do: the gateway will say.
    if (kept !== null && error instanceof NoToken && !error.refused) return kept;
    throw error;
  }
  return kept !== null && isBetter(kept, given) ? kept : given.token;
}

interface Given {
  readonly token: string;
  /** The site's server remembers this user's conversation by itself. */
  readonly known: boolean;
}

/**
 * What is remembered is better than what was given, if it is the same person's and what was given
 * would begin another conversation.
 */
function isBetter(kept: string, given: Given): boolean {
  const [before, now] = [read(kept), read(given.token)];
  if (before === null || now === null || given.known) return false;
  return before.user === now.user && before.conversation !== now.conversation;
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
  if (typeof token !== 'string') throw new NoToken(true, `${url} answers without a \`token\``);
  return { token, known: found?.['known'] === true };
}
