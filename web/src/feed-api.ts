/**
 * What the demo's own server tells: what passes through the gateway, how the gateway stands, whether
 * it can be watched; and the one order it takes. Knows nothing of how any of it looks.
 */

export type Kind = 'request' | 'event' | 'effect' | 'breaker' | 'session';

/** One thing that passed through the gateway. It never holds what a person wrote. */
export interface Passage {
  readonly seq: number;
  /** RFC 3339, in UTC, with milliseconds. */
  readonly at: string;
  readonly kind: Kind;
  readonly name: string;
  readonly conversation: number | null;
  readonly session: string | null;
  readonly desk: string | null;
  /** The HTTP status, of a request's answer. */
  readonly status: number | null;
  readonly outcome: string;
  readonly code: string | null;
  readonly attempt: number | null;
  readonly ms: number | null;
  readonly waited_ms: number | null;
}

/** How the gateway stands, since `at` in milliseconds. `backAfterMs` is null at the first start. */
export type Standing = { readonly at: number } & (
  | { readonly state: 'starting' }
  | { readonly state: 'up'; readonly process: number; readonly backAfterMs: number | null }
  | { readonly state: 'down'; readonly killed: boolean }
);

/** Whether what passes can be seen at this moment. */
export type Link = 'open' | 'waiting' | 'closed';

export interface Watcher {
  passage(passage: Passage): void;
  gateway(standing: Standing): void;
  link(link: Link): void;
  missed(count: number): void;
}

/** Two seconds between attempts when the browser itself has given up on the stream. */
const REOPEN_AFTER_MS = 2_000;

/** A kill is answered at once, or when the next gateway is ready. */
const ANSWER_WITHIN_MS = 10_000;

/** Kept for the tab: from where on it is told, also after a reload or in another language. */
const BEGAN_AS = 'warmline-demo-feed';

/** What was told last. */
let last = '';

/** Nothing that happened before now is to be told again. */
export function forgetWhatWas(): void {
  if (last === '') sessionStorage.removeItem(BEGAN_AS);
  else sessionStorage.setItem(BEGAN_AS, last);
}

/** Watches for as long as the page lives; what this tab saw before comes first. */
export function watch(watcher: Watcher): void {
  const after = last === '' ? (sessionStorage.getItem(BEGAN_AS) ?? '') : last;
  const query = after === '' ? '' : `?after=${encodeURIComponent(after)}`;
  const source = new EventSource(`/demo/api/feed${query}`);
  const hear = <T>(name: string, use: (value: T) => void) =>
    source.addEventListener(name, (event: MessageEvent<string>) => {
      last = event.lastEventId;
      if (sessionStorage.getItem(BEGAN_AS) === null) forgetWhatWas();
      use(JSON.parse(event.data) as T);
    });
  hear<Passage>('passage', (passage) => watcher.passage(passage));
  hear<Standing>('gateway', (standing) => watcher.gateway(standing));
  hear<{ state: Link }>('link', ({ state }) => watcher.link(state));
  hear<{ count: number }>('missed', ({ count }) => watcher.missed(count));
  source.addEventListener('error', () => {
    watcher.link('waiting');
    // The browser retries a lost connection by itself, but not after an answer such as 502.
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(() => watch(watcher), REOPEN_AFTER_MS);
    }
  });
}

/** Kills the gateway's process; gives its number. */
export async function kill(): Promise<number> {
  const answer = await fetch('/demo/api/kill', {
    method: 'POST',
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const body = (await answer.json()) as { process?: number; error?: { message?: string } };
  if (!answer.ok) throw new Error(body.error?.message ?? `status ${answer.status}`);
  return body.process ?? 0;
}
