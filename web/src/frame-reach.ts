/**
 * How the chat reaches its conversation. Owns the token, and which connection is the one that is used; goes
 * on with another connection where one cannot, and with another token where one opens nothing any more.
 */

import type { Door } from './frame-door';
import { Lasting } from './frame-lasting';
import { connect } from './frame-line';
import type { Connection } from './frame-line';
import { loadWebChat } from './web-chat';
import type { DirectLine, WebChat } from './web-chat';
import { isSame, read } from './widget-wire';
import type { Asking } from './widget-tokens';

/** A connection that cannot go on again so soon is the user's to try again. */
const LOST_AGAIN_MS = 60_000;

export interface ReachOrders {
  connection(connection: Connection): void;
  /** Whether messages are sealed between this browser and the gateway. */
  sealed(on: boolean): void;
  /** There is a token now, and it is somebody else's: nothing of this conversation is for them. */
  another(): void;
}

export class Reach {
  readonly #door: Door;
  readonly #orders: ReachOrders;
  #token: string | null = null;
  #lasting: Lasting | null = null;
  /** The connection that is used; what another one says comes too late. */
  #used: object | null = null;
  #lostAt = Number.NEGATIVE_INFINITY;

  constructor(door: Door, orders: ReachOrders) {
    this.#door = door;
    this.#orders = orders;
  }

  /** The newest token that opened something. */
  get token(): string | null {
    return this.#token;
  }

  /** What Web Chat holds, over however many connections. */
  get line(): DirectLine | null {
    return this.#lasting?.line ?? null;
  }

  /** Whether there was a connection, which another one can follow. */
  get canResume(): boolean {
    return this.#lasting?.wasOnline === true;
  }

  /** Gets a token that opens something, and connects; null where the page may use none. */
  async open(asking: Asking): Promise<WebChat | null> {
    const [webChat, token] = await Promise.all([loadWebChat(), this.#door.open(asking)]);
    if (token === null) return null;
    const line = await this.#connect(webChat, token);
    this.#lasting = new Lasting(line, {
      online: () => this.#orders.connection('online'),
      failed: () => this.#orders.connection('failed'),
      over: () => void this.#lost(),
    });
    return webChat;
  }

  /** Takes over the newest token of the connection; null if it is known. */
  renewed(): string | null {
    const token = this.line?.token;
    if (!token || token === this.#token) return null;
    this.#token = token;
    return token;
  }

  /** Nothing of this conversation is used any more. */
  close(): void {
    this.#lasting = this.#used = null;
  }

  /**
   * Goes on with another connection, and with another token where the one of before opens nothing any more.
   * Where that one is for another conversation, it is for the user to begin it.
   */
  async resume(): Promise<void> {
    const [lasting, before] = [this.#lasting, this.#token];
    this.#orders.connection('reconnecting');
    try {
      const [webChat, token] = await Promise.all([loadWebChat(), this.#door.open({ stale: null, fresh: false })]);
      if (lasting === null || this.#lasting !== lasting) return;
      if (token === null) return this.#orders.connection('refused');
      if (isSame(token, before)) {
        const line = await this.#connect(webChat, token);
        if (this.#lasting === lasting) lasting.take(line);
      } else if (userOf(token) === userOf(before)) this.#orders.connection('gone');
      else this.#orders.another();
    } catch (error) {
      console.error('Warmline:', error);
      if (this.#lasting === lasting) this.#orders.connection('failed');
    }
  }

  async #connect(webChat: WebChat, token: string): Promise<DirectLine> {
    const own = {};
    this.#used = own;
    const isUsed = () => this.#used === own;
    const tell = (connection: Connection) => {
      if (isUsed()) this.#orders.connection(connection);
    };
    const lost = () => {
      if (isUsed()) void this.#lost();
    };
    const { line, isSealed } = await connect(webChat, token, tell, lost);
    // Until here nothing says that it does not open anything.
    this.#token = token;
    this.#orders.sealed(isSealed);
    return line;
  }

  /** The connection cannot go on: its token is void, or there is something that cannot be read now. */
  async #lost(): Promise<void> {
    this.#used = null;
    const isAgain = performance.now() - this.#lostAt < LOST_AGAIN_MS;
    this.#lostAt = performance.now();
    if (isAgain) return this.#orders.connection('failed');
    await this.resume();
  }
}

/** Who the site's server says that a token is for; null for a stranger. */
function userOf(token: string | null): string | null {
  return token === null ? null : (read(token)?.user ?? null);
}
