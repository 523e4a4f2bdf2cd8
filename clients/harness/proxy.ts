/**
 * The network between a client and the gateway, as a TCP proxy that can do to it what networks do:
 * pass, cut (FIN), reset (RST), stall (stay open and forward nothing), be away (refuse) and heal.
 */

import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';

/** The two halves of one connection. */
interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export class Proxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #port = 0;
  #state: 'pass' | 'stall' | 'away' = 'pass';
  #accepted = 0;

  private constructor(target: () => number) {
    // Half-open, so that an end on one side is passed on and not answered by this program itself.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (near) => {
      if (this.#state === 'away') {
        near.resetAndDestroy();
        return;
      }
      this.#accepted += 1;
      this.#join(near, connect({ port: target(), host: '127.0.0.1', allowHalfOpen: true }));
    });
  }

  /** `target` is asked at each connection, since a gateway may come back elsewhere. */
  static async start(target: () => number): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    const address = proxy.#server.address();
    proxy.#port = typeof address === 'object' && address ? address.port : 0;
    return proxy;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** How many connections came in so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Both sides see an orderly end. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.end();
      far.end();
    }
  }

  /** Both sides see a reset. */
  reset(): void {
    for (const { near, far } of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Everything stays open and nothing gets through, until [`heal`]. */
  stall(): void {
    this.#state = 'stall';
    for (const pair of this.#pairs) this.#hold(pair);
  }

  /** The network is gone: what is open is reset, what is new is refused, until [`heal`]. */
  away(): void {
    this.#state = 'away';
    this.reset();
  }

  /** All is well again; what was held back goes on its way. */
  heal(): void {
    this.#state = 'pass';
    for (const pair of this.#pairs) this.#pass(pair);
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  #join(near: Socket, far: Socket): void {
    const pair = { near, far };
    this.#pairs.add(pair);
    for (const [one, other] of [[near, far], [far, near]] as const) {
      one.setNoDelay(true);
      // A reset on one side is a reset on the other; without this it would end the test process.
      one.on('error', () => other.resetAndDestroy());
      one.on('close', () => {
        this.#pairs.delete(pair);
        if (!other.destroyed && other.writable) other.end();
      });
    }
    if (this.#state === 'stall') this.#hold(pair);
    else this.#pass(pair);
  }

  #pass({ near, far }: Pair): void {
    near.pipe(far);
    far.pipe(near);
  }

  #hold({ near, far }: Pair): void {
    for (const [one, other] of [[near, far], [far, near]] as const) {
      one.unpipe(other);
      one.pause();
    }
  }
}
