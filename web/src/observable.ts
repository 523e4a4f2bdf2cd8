/** As much of an observable as Web Chat and Direct Line's client need of each other. */

export interface Listener<T> {
  next?(value: T): void;
  error?(error: unknown): void;
  complete?(): void;
}

export interface Subscription {
  unsubscribe(): void;
}

export interface Stream<T> {
  subscribe(listener: Listener<T>): Subscription;
}

/** `begin` is called for each who subscribes, and gives what ends it. */
export function observable<T>(begin: (listener: Listener<T>) => () => void): Stream<T> & { subscribe: unknown } {
  return {
    subscribe(first?: Listener<T> | ((value: T) => void), error?: (error: unknown) => void, complete?: () => void) {
      const listener: Listener<T> =
        typeof first === 'function' ? { next: first, ...(error ? { error } : {}), ...(complete ? { complete } : {}) } : (first ?? {});
      return { unsubscribe: begin(listener) };
    },
  };
}
