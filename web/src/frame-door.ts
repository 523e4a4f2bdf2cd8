/** How the frame comes to a token: it asks the page around, and the gateway whether that page may. */

import { admitted, byKey } from './frame-line';
import type { FromFrame, FromPage } from './widget-wire';
import type { Asking } from './widget-tokens';

/** A token that has run out is asked for anew once. */
const ATTEMPTS_MAX = 2;

export class Door {
  readonly #origin: string;
  readonly #key: string | null;
  readonly #send: (told: FromFrame) => void;
  #answered: ((told: FromPage) => void) | null = null;

  /** `origin` is the page's around, as the browser says it. */
  constructor(origin: string, key: string | null, send: (told: FromFrame) => void) {
    this.#origin = origin;
    this.#key = key;
    this.#send = send;
  }

  /** The page's answer to what it was asked. */
  heard(told: FromPage): void {
    this.#answered?.(told);
  }

  /** A token that the page around may use; null if it may use none. */
  async open(asking: Asking): Promise<string | null> {
    let { stale, fresh } = asking;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const token = await this.#get(stale, fresh);
      if (token === null) return null;
      const admission = await admitted(this.#origin, token);
      if (admission === 'open') {
        this.#send({ kind: 'keep', token });
        return token;
      }
      if (admission === 'refused') return null;
      [stale, fresh] = [token, false];
    }
    return null;
  }

  async #get(stale: string | null, fresh: boolean): Promise<string | null> {
    const answer = await new Promise<FromPage>((resolve) => {
      this.#answered = resolve;
      this.#send({ kind: 'need', stale, fresh });
    });
    if (answer.kind === 'no-token') {
      if (answer.refused) return null;
      throw new Error('the page could not get a token');
    }
    if (answer.kind === 'token' && answer.token !== null) return answer.token;
    return this.#key === null ? null : byKey(this.#origin, this.#key);
  }
}
