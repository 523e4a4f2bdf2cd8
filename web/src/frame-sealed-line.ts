/**
 * Microsoft's Direct Line client with every activity sealed: what Web Chat posts goes into an envelope
 * before the client gets it, and what the client hears is opened before Web Chat does, in its order.
 */

import { KeyAway, Sealing } from './frame-sealing';
import type { Sealable } from './frame-sealing';
import { observable } from './observable';
import type { Listener, Stream, Subscription } from './observable';
import type { DirectLine } from './web-chat';

/** Codes of refusals after which the same activity, sealed anew to keys fetched anew, may be taken. */
const SEAL_ANEW = ['unknown_key', 'replayed'];

/** How long a message waits before its key is asked for again, each time: a network that blinks is back. */
const ASK_AGAIN_AFTER_MS = [500, 1_000, 2_000, 4_000];

/** Contexts whose order is kept in mind: one is usual, and after a cut two. */
const CONTEXTS_MAX = 8;

/** Messages that wait for an earlier one. */
const HELD_MAX = 200;

/** How long they do: what the client turned round comes within the same moment. */
const MISSING_AFTER_MS = 5_000;

/** Direct Line's client as Web Chat uses it. */
type Line = Omit<DirectLine, 'postActivity'> & {
  readonly activity$: Stream<Sealable>;
  postActivity(activity: object): Stream<string>;
};

/**
 * The client, sealed. Everything that is not about activities stays as it is.
 *
 * The client has counted a message as read before it is opened. When one cannot be, for want of a key,
 * nothing more is shown, so that none is missing between others, and `lost` is called: only another
 * line, from the start, brings it again.
 */
export function sealed(line: DirectLine, sealing: Sealing, lost: () => void): DirectLine {
  const inner = line as unknown as Line;
  const activity$ = opened(inner, sealing, lost);
  const postActivity = (activity: object) => observable<string>((listener) => post(inner, sealing, activity, listener));
  return new Proxy(line, {
    get(target, name) {
      if (name === 'activity$') return activity$;
      if (name === 'postActivity') return postActivity;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** What the client hears, opened once however many listen. */
function opened(line: Line, sealing: Sealing, lost: () => void): Stream<Sealable> {
  let isLost = false;
  const listeners = new Set<Listener<Sealable>>();
  let upstream: Subscription | null = null;
  let order = Promise.resolve();
  const each = (tell: (listener: Listener<Sealable>) => void) => {
    order = order.then(() => listeners.forEach(tell));
  };
  const giveUp = (why: string) => {
    if (isLost) return;
    isLost = true;
    console.error(`Warmline: ${why}`);
    // Nobody is there any more to whom it would be of use.
    if (listeners.size > 0) lost();
  };
  // The client hands on what it hears in another order at times, and a context opens in its own only.
  const inOrder = new InOrder(sealing, (activity) => open(activity), () => giveUp('a message did not come'));
  const heard = (activity: Sealable) => inOrder.heard(activity);
  const open = (activity: Sealable) => {
    order = order.then(async () => {
      if (isLost) return;
      try {
        const plain = await patiently(() => sealing.open(activity, line.token));
        for (const listener of listeners) listener.next?.(plain);
      } catch (error) {
        if (error instanceof KeyAway) return giveUp(`the key of a message cannot be had (${error.message})`);
        // Nothing that was forged on the way is shown; what follows may be fine.
        console.error('Warmline: a message could not be opened', error);
      }
    });
  };
  return observable((listener) => {
    listeners.add(listener);
    upstream ??= line.activity$.subscribe({
      next: heard,
      error: (error) => each((one) => one.error?.(error)),
      complete: () => each((one) => one.complete?.()),
    });
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      upstream?.unsubscribe();
      upstream = null;
    };
  });
}

/** Puts what is heard back into the order in which it was sealed. */
class InOrder {
  readonly #sealing: Sealing;
  readonly #open: (activity: Sealable) => void;
  readonly #missing: () => void;
  /** By context: the next place, and what came before its turn. */
  readonly #contexts = new Map<string, { next: number; readonly held: Map<number, Sealable> }>();

  constructor(sealing: Sealing, open: (activity: Sealable) => void, missing: () => void) {
    this.#sealing = sealing;
    this.#open = open;
    this.#missing = missing;
  }

  heard(activity: Sealable): void {
    const place = this.#sealing.placeOf(activity);
    if (!place) return this.#open(activity);
    const context = this.#contexts.get(place.context) ?? { next: 0, held: new Map<number, Sealable>() };
    this.#contexts.set(place.context, context);
    for (const old of [...this.#contexts.keys()].slice(0, -CONTEXTS_MAX)) this.#contexts.delete(old);
    // One that was opened is not opened again.
    if (place.seq < context.next) return;
    context.held.set(place.seq, activity);
    for (let next = context.held.get(context.next); next; next = context.held.get(context.next)) {
      context.held.delete(context.next);
      context.next += 1;
      this.#open(next);
    }
    if (context.held.size > HELD_MAX) return this.#missing();
    if (context.held.size > 0) {
      const waitsFor = context.next;
      setTimeout(() => {
        if (context.next === waitsFor && context.held.size > 0) this.#missing();
      }, MISSING_AFTER_MS);
    }
  }
}

/** Does it again for a while where only the key was missing. */
async function patiently<T>(open: () => Promise<T>): Promise<T> {
  for (const wait of ASK_AGAIN_AFTER_MS) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof KeyAway)) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return open();
}

function post(line: Line, sealing: Sealing, activity: object, listener: Listener<string>): () => void {
  let posting: Subscription | null = null;
  let over = false;
  const attempt = async (again: boolean): Promise<void> => {
    const envelope = await sealing.seal(activity, line.token);
    if (over) return;
    posting = line.postActivity(envelope).subscribe({
      next: (id) => listener.next?.(id),
      complete: () => listener.complete?.(),
      error: (error) => {
        if (again || !SEAL_ANEW.includes(codeOf(error))) return listener.error?.(error);
        sealing.renew(envelope).then(() => attempt(true)).catch((why: unknown) => listener.error?.(why));
      },
    });
  };
  attempt(false).catch((error: unknown) => listener.error?.(error));
  return () => {
    over = true;
    posting?.unsubscribe();
  };
}

/** The machine code of a refusal, as Direct Line's client hands on what the gateway answered. */
function codeOf(error: unknown): string {
  const { xhr, response } = (error ?? {}) as { xhr?: { response?: unknown }; response?: unknown };
  let body = response ?? xhr?.response;
  if (typeof body === 'string') {
    try {
      body = JSON.parse(body) as unknown;
    } catch {
      return '';
    }
  }
  return (body as { error?: { code?: string } } | null)?.error?.code ?? '';
}
