/**
 * One line for Web Chat, whatever becomes of the connections below it. Web Chat gives a conversation up
 * when its token is void, and Direct Line's client is dead then; here another connection takes the place
 * of that one, and what is shown and what waits to be sent stay where they are.
 */

import { observable } from './observable';
import type { Listener, Stream, Subscription } from './observable';
import { NOT_TAKEN } from './resend';
import { ConnectionStatus } from './web-chat';
import type { DirectLine } from './web-chat';

/** Direct Line's client as Web Chat uses it. */
type Inner = Omit<DirectLine, 'postActivity' | 'connectionStatus$'> & {
  readonly activity$: Stream<object>;
  readonly connectionStatus$: Stream<number>;
  postActivity(activity: object): Stream<string>;
};

export interface LastingOrders {
  online(): void;
  /** It never came to a connection. Web Chat knows. */
  failed(): void;
  /** The connection that was there cannot go on, and asks nobody any more; `take` brings another one. */
  over(): void;
}

export class Lasting {
  /** What Web Chat holds. */
  readonly line: DirectLine;
  readonly #orders: LastingOrders;
  readonly #reading = new Set<Listener<object>>();
  readonly #watching = new Set<Listener<number>>();
  #inner: Inner;
  #activities: Subscription | null = null;
  /** What Web Chat was told last: once it is online it stays so, and hears of nothing that others mend. */
  #status = 0;
  #isOver = false;

  constructor(first: DirectLine, orders: LastingOrders) {
    this.#orders = orders;
    this.#inner = first as unknown as Inner;
    this.line = this.#face(first);
    this.#begin();
  }

  /** Whether it was connected at some time. */
  get wasOnline(): boolean {
    return this.#status === ConnectionStatus.online;
  }

  /** Goes on over this connection, which brings the conversation from its start. */
  take(next: DirectLine): void {
    this.#drop();
    this.#inner = next as unknown as Inner;
    this.#isOver = false;
    this.#begin();
  }

  /** Nothing is asked over the connection that there is any more. */
  #drop(): void {
    this.#isOver = true;
    this.#activities?.unsubscribe();
    this.#activities = null;
    this.#inner.end();
  }

  #begin(): void {
    const inner = this.#inner;
    inner.connectionStatus$.subscribe({ next: (status) => this.#is(inner, status) });
    if (this.#reading.size > 0) this.#read();
  }

  #read(): void {
    const inner = this.#inner;
    this.#activities = inner.activity$.subscribe({
      next: (activity) => this.#reading.forEach((one) => one.next?.(activity)),
      // Direct Line's client ends it where it has given up.
      error: () => this.#gone(inner),
      complete: () => this.#gone(inner),
    });
  }

  #is(inner: Inner, status: number): void {
    if (inner !== this.#inner || this.#isOver) return;
    if (!this.wasOnline) {
      this.#status = status;
      this.#watching.forEach((one) => one.next?.(status));
    }
    if (status === ConnectionStatus.online) this.#orders.online();
    else if (status > ConnectionStatus.online) {
      if (this.wasOnline) this.#gone(inner);
      else this.#orders.failed();
    }
  }

  #gone(inner: Inner): void {
    if (inner !== this.#inner || this.#isOver || !this.wasOnline) return;
    this.#isOver = true;
    // It says so in the middle of what it does, and is not ended there.
    queueMicrotask(() => {
      if (inner === this.#inner) this.#drop();
    });
    this.#orders.over();
  }

  #post(activity: object, listener: Listener<string>): () => void {
    const inner = this.#inner;
    const notTaken = () => {
      listener.next?.(NOT_TAKEN);
      listener.complete?.();
    };
    if (this.#isOver) {
      notTaken();
      return () => {};
    }
    const posting = inner.postActivity(activity).subscribe({
      next: (id) => listener.next?.(id),
      complete: () => listener.complete?.(),
      error: (error) => {
        // What the gateway answers has a status; without one it is the connection that has gone.
        const isAnswer = typeof (error as { status?: unknown } | null)?.status === 'number';
        if (isAnswer || (inner === this.#inner && !this.#isOver)) listener.error?.(error);
        else notTaken();
      },
    });
    return () => posting.unsubscribe();
  }

  #face(first: DirectLine): DirectLine {
    const activity$ = observable<object>((listener) => {
      this.#reading.add(listener);
      if (this.#activities === null && !this.#isOver) this.#read();
      return () => {
        this.#reading.delete(listener);
        if (this.#reading.size > 0) return;
        this.#activities?.unsubscribe();
        this.#activities = null;
      };
    });
    const connectionStatus$ = observable<number>((listener) => {
      this.#watching.add(listener);
      listener.next?.(this.#status);
      return () => this.#watching.delete(listener);
    });
    const postActivity = (activity: object) => observable<string>((listener) => this.#post(activity, listener));
    const own: Readonly<Record<string, unknown>> = { activity$, connectionStatus$, postActivity, end: () => this.#drop() };
    return new Proxy(first, {
      get: (_, name) => {
        if (typeof name === 'string' && Object.hasOwn(own, name)) return own[name];
        const value: unknown = Reflect.get(this.#inner, name, this.#inner);
        return typeof value === 'function' ? (value.bind(this.#inner) as unknown) : value;
      },
    });
  }
}
