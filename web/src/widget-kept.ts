/**
 * What the widget remembers from page to page, in the storage of the site's own origin: a frame's own
 * storage is thrown away by some browsers. All tabs of a site share it.
 */

import { isSame } from './widget-wire';

/** A conversation and how the user had left the panel. */
export interface Kept {
  readonly token: string | null;
  /** The panel was open. */
  readonly open: boolean;
  /** A live chat was waited for or held: the next page has to be there for it. */
  readonly live: boolean;
  /** The newest message that was seen. */
  readonly seen: number;
  readonly sound: boolean;
}

const NOTHING: Kept = { token: null, open: false, live: false, seen: 0, sound: true };

export class Memory {
  readonly #name: string;
  #last: Kept;

  /** `first` is what holds until something was remembered. */
  constructor(name: string, first: Partial<Kept>, changed: (now: Kept, before: Kept) => void) {
    this.#name = name;
    this.#last = this.#read({ ...NOTHING, ...first });
    addEventListener('storage', (event) => {
      if (event.key !== name && event.key !== null) return;
      const before = this.#last;
      this.#last = this.#read({ ...NOTHING, ...first });
      changed(this.#last, before);
    });
  }

  get kept(): Kept {
    return this.#last;
  }

  /** Looks again: another tab may have written a moment ago. */
  fresh(): Kept {
    this.#last = this.#read(this.#last);
    return this.#last;
  }

  keep(part: Partial<Kept>): void {
    this.#last = { ...this.#read(this.#last), ...part };
    try {
      localStorage.setItem(this.#name, JSON.stringify(this.#last));
    } catch {
      // Storage is full or forbidden: the conversation then lives as long as the page.
    }
  }

  /** Goes on with what this token opens. What was seen is counted within one conversation. */
  goOn(token: string): void {
    const same = isSame(token, this.fresh().token);
    this.keep(same ? { token } : { token, live: false, seen: 0 });
  }

  forget(): void {
    this.keep({ token: null, live: false, seen: 0 });
  }

  #read(otherwise: Kept): Kept {
    try {
      const text = localStorage.getItem(this.#name);
      if (text === null) return otherwise;
      const found = JSON.parse(text) as Partial<Record<keyof Kept, unknown>>;
      return {
        token: typeof found.token === 'string' ? found.token : null,
        open: found.open === true,
        live: found.live === true,
        seen: typeof found.seen === 'number' ? found.seen : 0,
        sound: found.sound !== false,
      };
    } catch {
      return otherwise;
    }
  }
}

/**
 * Runs `task` while no other tab of this site runs one of the same name: two tabs that open the chat
 * at once would begin two conversations. Without locks (plain http) the later one wins.
 */
export function alone<T>(name: string, task: () => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks;
  return locks ? (locks.request(name, task) as Promise<T>) : task();
}
