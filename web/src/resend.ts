/**
 * Sends what the user wrote while the gateway was away. Direct Line's client tries once and says
 * "retry"; this tries again until the gateway has taken it, one message after the other, so that they
 * come in the order they were written in. Each keeps its `clientActivityID`, by which the gateway
 * knows what it has taken already.
 */

import { hasFiles } from './refused';
import type { Refusals } from './refused';
import type { Retries } from './retry';
import type { DirectLine } from './web-chat';

/** Longest wait between two attempts: what is written while nobody is there is sent soon after. */
const PAUSE_MAX_MS = 3_000;

/** The first wait; each next one is twice as long. */
const PAUSE_FIRST_MS = 300;

/** Web Chat itself gives up after five minutes; this says so before, and then the user may retry. */
export const SENDS_WITHIN_MS = 285_000;

/** What Direct Line's client gives in place of an id when nobody has taken the activity. */
export const NOT_TAKEN = 'retry';

interface Listener {
  next?(id: string): void;
  error?(error: unknown): void;
  complete?(): void;
}

interface Line {
  postActivity(activity: object): { subscribe(listener: Listener): { unsubscribe(): void } };
}

/** Who is told what becomes of what is sent. */
export interface Known {
  readonly refusals: Refusals;
  readonly retries: Retries;
}

/** How time passes; a test has its own. */
export interface Time {
  now(): number;
  pause(ms: number): Promise<void>;
}

const REAL: Time = {
  now: () => Date.now(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/**
 * The same line, patient. `isAway` says whether the connection is known to be lost: only then a file is
 * brought again, since a gateway that is there has told the user why it does not take it. `known` hears
 * what is sent and what is not taken.
 */
export function patient(line: DirectLine, isAway: () => boolean, known: Known, time: Time = REAL): DirectLine {
  const inner = line as unknown as Line;
  let last: Promise<void> = Promise.resolve();
  const postActivity = (activity: object) => ({
    subscribe(first?: Listener | ((id: string) => void), error?: (error: unknown) => void, complete?: () => void) {
      const listener: Listener =
        typeof first === 'function'
          ? { next: first, ...(error ? { error } : {}), ...(complete ? { complete } : {}) }
          : (first ?? {});
      // That somebody types is worth nothing later.
      if ((activity as { type?: unknown }).type === 'typing') return inner.postActivity(activity).subscribe(listener);
      const post = new Post(inner, known.retries.begun(activity), isAway, known, time, listener);
      last = last.then(() => post.send());
      return { unsubscribe: () => post.stop() };
    },
  });
  return new Proxy(line, {
    get(target, name) {
      if (name === 'postActivity') return postActivity;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** One activity on its way. */
class Post {
  readonly #line: Line;
  readonly #activity: object;
  readonly #isAway: () => boolean;
  readonly #known: Known;
  readonly #time: Time;
  readonly #listener: Listener;
  readonly #until: number;
  readonly #hasFiles: boolean;
  #stopped = false;

  constructor(
    line: Line, activity: object, isAway: () => boolean, known: Known, time: Time, listener: Listener,
  ) {
    this.#line = line;
    this.#activity = activity;
    this.#isAway = isAway;
    this.#known = known;
    this.#time = time;
    this.#listener = listener;
    this.#until = time.now() + SENDS_WITHIN_MS;
    this.#hasFiles = hasFiles(activity);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when it is taken, refused, given up or not wanted any more; never rejects. */
  async send(): Promise<void> {
    for (let pause = PAUSE_FIRST_MS; !this.#stopped; pause = Math.min(pause * 2, PAUSE_MAX_MS)) {
      try {
        this.#known.refusals.sending(this.#activity);
        const id = await this.#once();
        if (this.#stopped) return;
        if (id !== NOT_TAKEN) {
          this.#known.retries.settled(this.#activity);
          this.#listener.next?.(id);
          this.#listener.complete?.();
          return;
        }
      } catch (error) {
        if (this.#stopped) return;
        this.#known.refusals.refused(this.#activity, error);
        this.#known.retries.settled(this.#activity);
        return this.#failed(error);
      }
      if (this.#hasFiles && !(await this.#isLost())) {
        return this.#failed(new Error('the gateway does not take the files'));
      }
      if (this.#time.now() + pause > this.#until) {
        return this.#failed(new Error('the gateway could not be reached'));
      }
      await this.#time.pause(pause);
    }
  }

  /** Whether nobody was there to take it; that a connection is lost is known a moment later. */
  async #isLost(): Promise<boolean> {
    if (!this.#isAway()) await this.#time.pause(PAUSE_FIRST_MS);
    return this.#isAway();
  }

  #failed(error: unknown): void {
    this.#known.retries.failed(this.#activity);
    this.#listener.error?.(error);
  }

  #once(): Promise<string> {
    return new Promise((resolve, reject) => {
      let given = NOT_TAKEN;
      this.#line.postActivity(this.#activity).subscribe({
        next: (id) => (given = id),
        error: reject,
        complete: () => resolve(given),
      });
    });
  }
}
