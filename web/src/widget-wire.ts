/**
 * What the script on the site's page (`widget.ts`) and the chat in its frame (`frame.ts`) say to each
 * other. The frame greets its parent; the parent answers with one end of a channel, and from then on
 * nothing is said anywhere else. Tokens pass here, so both ends know to whom they talk.
 */

/** The frame is there and listens. */
export const HELLO = 'warmline-hello';

/** The parent's answer, which brings the channel. */
export const WELCOME = 'warmline-welcome';

/** Colours and letters, resolved from the page's CSS variables. */
export type Look = Readonly<Record<string, string>>;

/** What the frame has to know at once. */
export interface Welcome {
  readonly kind: typeof WELCOME;
  readonly language: string;
  readonly title: string;
  readonly look: Look;
  readonly dark: boolean;
  /** The site's public key; without it the page brings tokens of its own server. */
  readonly key: string | null;
  readonly open: boolean;
  /** The user has opened it just now, and wants the keyboard there; a page that goes on keeps it. */
  readonly called: boolean;
  readonly sound: boolean;
  /** The number of the newest message that the user has seen, in any tab. */
  readonly seen: number;
}

/** How the conversation stands. */
export type Phase = 'bot' | 'waiting' | 'live' | 'over';

export type FromPage =
  /** A token to go on with, or none: then the frame gets one by the key and tells what it got. */
  | { readonly kind: 'token'; readonly token: string | null }
  /** The page could not get one. */
  | { readonly kind: 'no-token'; readonly refused: boolean }
  | { readonly kind: 'opened' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'seen'; readonly number: number }
  | { readonly kind: 'look'; readonly look: Look; readonly dark: boolean }
  | { readonly kind: 'sound'; readonly on: boolean };

export type FromFrame =
  /** `stale` is a token that did not open anything; `fresh` asks for a new conversation. */
  | { readonly kind: 'need'; readonly stale: string | null; readonly fresh: boolean }
  /** What the conversation can be gone on with on the next page. */
  | { readonly kind: 'keep'; readonly token: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'state'; readonly phase: Phase; readonly unread: number; readonly preview: string }
  | { readonly kind: 'seen'; readonly number: number }
  | { readonly kind: 'sound'; readonly on: boolean }
  | { readonly kind: 'close' };

/** What a token says for all to read, as far as it matters here. */
export interface Said {
  readonly conversation: string;
  /** Who the site's server says the user is; null for a stranger. */
  readonly user: string | null;
  /** Which site of the gateway's gave it. */
  readonly site: string;
}

/** Reads a token without proving it: the gateway proves it, the page only compares. */
export function read(token: string): Said | null {
  try {
    const [, middle = ''] = token.split('.');
    const bytes = atob(middle.replaceAll('-', '+').replaceAll('_', '/'));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (one) => one.charCodeAt(0)));
    const { conv, user, site } = JSON.parse(text) as Record<string, unknown>;
    if (typeof conv !== 'string' || typeof site !== 'string') return null;
    return { conversation: conv, user: typeof user === 'string' ? user : null, site };
  } catch {
    return null;
  }
}

/** Whether two tokens open the same conversation. */
export function isSame(one: string | null, other: string | null): boolean {
  const conversation = (token: string | null) => token && (read(token)?.conversation ?? token);
  return conversation(one) === conversation(other);
}
