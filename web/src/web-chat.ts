/**
 * Microsoft's Web Chat, as its package ships it: one complete script, copied beside the pages, which
 * needs nothing from any other host. Owns loading it and its colours; which conversation it shows
 * is the business of `chat.ts`.
 */

import './cards.css';
import scriptUrl from '../node_modules/botframework-webchat/dist/webchat.js?url';
import { SENDS_WITHIN_MS } from './resend';

/** Direct Line's own numbers for the state of a connection. */
export const ConnectionStatus = {
  connecting: 1,
  online: 2,
  expired: 3,
  failed: 4,
  ended: 5,
} as const;

/** The parts of a Direct Line client that the demo reads. The token changes when it is refreshed. */
export interface DirectLine {
  readonly token: string;
  readonly conversationId: string;
  readonly connectionStatus$: { subscribe(next: (status: number) => void): unknown };
  postActivity(activity: object): { subscribe(done: () => void, failed: () => void): unknown };
  end(): void;
}

/** What the demo reads of an activity, as Web Chat keeps it. */
export interface Activity {
  readonly type: string;
  readonly text?: string;
  /** All of it in words, where it carries cards. */
  readonly summary?: string;
  readonly timestamp?: string;
  readonly from?: { readonly id?: string; readonly role?: string; readonly name?: string };
  readonly attachments?: readonly Attachment[];
  readonly suggestedActions?: { readonly actions?: readonly unknown[] };
  readonly value?: unknown;
  readonly channelData?: Readonly<Record<string, unknown>>;
}

/** What the pages read of an attachment. */
export interface Attachment {
  readonly contentType?: string;
  readonly name?: string;
  readonly content?: unknown;
}

export interface Store {
  dispatch(action: Action): void;
  getState(): {
    readonly activities: readonly Activity[];
    readonly sendBoxValue?: string;
    readonly sendBoxAttachments?: readonly Waiting[];
    readonly connectivityStatus?: string;
  };
  subscribe(changed: () => void): unknown;
}

interface Action {
  readonly type: string;
  readonly meta?: unknown;
  readonly payload?: unknown;
}

/** A file that is to be sent with the next words. */
export interface Waiting {
  readonly blob: Blob;
  readonly thumbnailURL?: URL | undefined;
}

/** What stands between an action and the store, as Redux has it. */
export type StoreMiddleware = (
  store: Pick<Store, 'getState'>,
) => (next: (action: Action) => unknown) => (action: Action) => unknown;

/** An element of React's, as far as it is looked into here. */
export interface Drawn {
  readonly type: unknown;
  readonly props: unknown;
}

type Render = (...drawn: readonly unknown[]) => Drawn | null | false;

/** Web Chat's way to draw an activity otherwise: gets how the next one would, and gives how. */
export type ActivityMiddleware = () => (
  next: (card: { readonly activity: Activity }) => Render | null | false,
) => (card: { readonly activity: Activity }) => Render | null | false;

/** Its way to draw what became of an activity that was sent. */
export type ActivityStatusMiddleware = () => (
  next: (card: Sent) => Drawn,
) => (card: Sent) => Drawn;

interface Sent {
  readonly activity: Activity;
  readonly sendState: string;
}

/** Its way to draw what is attached. */
export type AttachmentMiddleware = () => (
  next: (card: Attached) => Drawn | null | false,
) => (card: Attached) => Drawn | null | false;

interface Attached {
  readonly activity: Activity;
  readonly attachment: Attachment;
}

export interface WebChat {
  createDirectLine(options: {
    domain: string;
    token: string;
    conversationId?: string;
  }): DirectLine;
  createStore(initial?: object, ...between: readonly StoreMiddleware[]): Store;
  renderWebChat(
    props: {
      directLine: DirectLine;
      store: Store;
      userID: string;
      username: string;
      locale: string;
      sendTypingIndicator: boolean;
      activityMiddleware?: ActivityMiddleware | readonly ActivityMiddleware[];
      activityStatusMiddleware?: ActivityStatusMiddleware;
      attachmentMiddleware?: AttachmentMiddleware;
      styleOptions: Readonly<Record<string, unknown>>;
    },
    into: HTMLElement,
  ): void;
}

let loading: Promise<WebChat> | null = null;

/** Loads the script once; resolves with its global. */
export function loadWebChat(): Promise<WebChat> {
  loading ??= load().catch((error: unknown) => {
    // The next attempt may do better.
    loading = null;
    throw error;
  });
  return loading;
}

function load(): Promise<WebChat> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = scriptUrl;
    script.addEventListener('load', () => {
      const loaded = (window as unknown as { WebChat?: WebChat }).WebChat;
      if (loaded) resolve(loaded);
      else reject(new Error('Web Chat loaded without its global; is the build complete?'));
    });
    script.addEventListener('error', () => reject(new Error('Web Chat could not be loaded.')));
    document.head.append(script);
  });
}

/**
 * Web Chat's style options from the page's own palette, light or dark as the reader wishes. The colours
 * are as the browser resolves them now: a picture made of one knows nothing of the page around it, and
 * `light-dark()` is always light in there.
 */
export function styleOptions(): Readonly<Record<string, unknown>> {
  const probe = document.createElement('span');
  probe.hidden = true;
  document.documentElement.append(probe);
  const options = optionsIn((name, otherwise = name) => {
    probe.style.color = `var(--${name}, var(--${otherwise}))`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return options;
}

/** `colour` gives the colour of this name, or of the other where the page has none. */
function optionsIn(colour: (name: string, otherwise?: string) => string): Readonly<Record<string, unknown>> {
  // What letters are written in has to be read on the ground around them.
  const accent = colour('accent-read', 'accent');
  return {
    primaryFont: getComputedStyle(document.documentElement).getPropertyValue('--font').trim(),
    accent,
    subtle: colour('muted'),
    timestampColor: colour('muted'),
    backgroundColor: colour('surface'),
    bubbleBackground: colour('bubble'),
    bubbleBorderColor: colour('line'),
    bubbleBorderRadius: 10,
    bubbleTextColor: colour('ink'),
    bubbleFromUserBackground: colour('bubble-user'),
    bubbleFromUserBorderColor: colour('bubble-user'),
    bubbleFromUserBorderRadius: 10,
    bubbleFromUserTextColor: colour('ink'),
    bubbleMinWidth: 0,
    sendBoxBackground: colour('surface'),
    sendBoxTextColor: colour('ink'),
    sendBoxPlaceholderColor: colour('muted'),
    sendBoxBorderTop: `solid 1px ${colour('line')}`,
    sendBoxHeight: 52,
    sendBoxButtonColor: accent,
    sendBoxButtonColorOnDisabled: colour('muted'),
    sendBoxButtonShadeColorOnActive: colour('hover'),
    sendBoxButtonShadeColorOnDisabled: colour('surface'),
    sendBoxButtonShadeColorOnHover: colour('hover'),
    sendBoxButtonKeyboardFocusIndicatorBorderColor: accent,
    cardEmphasisBackgroundColor: colour('hover'),
    cardPushButtonBackgroundColor: colour('accent'),
    cardPushButtonTextColor: colour('accent-ink'),
    suggestedActionLayout: 'flow',
    suggestedActionBorderRadius: 18,
    suggestedActionHeight: 36,
    suggestedActionBorderWidth: 1,
    suggestedActionBackgroundColor: colour('surface'),
    suggestedActionBackgroundColorOnHover: colour('hover'),
    suggestedActionBackgroundColorOnActive: colour('hover'),
    suggestedActionTextColor: accent,
    suggestedActionKeyboardFocusIndicatorBorderColor: accent,
    transcriptVisualKeyboardIndicatorColor: accent,
    suggestedActionsVisualKeyboardIndicatorColor: accent,
    notificationText: colour('muted'),
    toastInfoBackgroundColor: colour('hover'),
    toastInfoColor: colour('ink'),
    toastWarnBackgroundColor: colour('warn-soft'),
    toastWarnColor: colour('warn'),
    toastErrorBackgroundColor: colour('bad-soft'),
    toastErrorColor: colour('bad'),
    toastSeparatorColor: colour('line'),
    typingAnimationBackgroundImage: dots(colour('muted')),
    markdownExternalLinkIconImage: arrow(accent),
    hideUploadButton: false,
    // Until then it is tried again; nobody is to be told before that it failed.
    sendTimeout: SENDS_WITHIN_MS,
    sendTimeoutForAttachments: SENDS_WITHIN_MS,
  };
}

/** The sign behind a link that opens a page of its own; Web Chat's is black on any ground. */
function arrow(colour: string): string {
  const lines = 'M6.5 3H3v10h10V9.5M9 3h4v4M13 3 7.5 8.5';
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="${lines}" fill="none" stroke="${colour}" stroke-width="1.3"/></svg>`;
  return `url("data:image/svg+xml,${encodeURIComponent(picture)}")`;
}

/** Three dots that pulse; Web Chat's own picture has a light background, which glares in the dark. */
function dots(colour: string): string {
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const dot = (place: number) => {
    const pulse = `<animate attributeName="opacity" values=".3;1;.3" dur="1.2s" begin="${place * 0.2}s" repeatCount="indefinite"/>`;
    return `<circle cx="${10 + place * 14}" cy="10" r="4" fill="${colour}">${still ? '' : pulse}</circle>`;
  };
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="20">${[0, 1, 2].map(dot).join('')}</svg>`;
  return `url("data:image/svg+xml,${encodeURIComponent(picture)}")`;
}
