/**
 * The user's side of the demo: one Direct Line conversation shown by Web Chat. Owns which
 * conversation that is, also over a reload, and says truthfully whether it is connected.
 */

import { chatSpeaker } from './chat-words';
import { language, locale } from './language';
import { watchPictures } from './pictures';
import { Refusals } from './refused';
import { patient } from './resend';
import { Retries } from './retry';
import { Secrets } from './secret';
import { ConnectionStatus, loadWebChat, styleOptions } from './web-chat';
import type { Activity, DirectLine, Store, WebChat } from './web-chat';

/** What a person should know about the connection. */
export type Connection = 'connecting' | 'online' | 'reconnecting' | 'expired' | 'failed' | 'ended';

/** What `GET /demo/config.json` answers: where Direct Line is, and a token for one user. */
interface Config {
  readonly directLine: string;
  readonly token: string;
  readonly conversationId?: string;
  /** Who the user is at the desk. */
  readonly deskUserId?: string;
}

/** A conversation that a reload of the page can go on with. */
interface Kept {
  readonly domain: string;
  readonly token: string;
  readonly conversationId: string;
  readonly userId: string;
  readonly deskUserId?: string;
}

/** What Web Chat needs to open a conversation, a new one or a kept one. */
type Opening = Omit<Kept, 'conversationId'> & { readonly conversationId?: string };

/** Kept for the tab: closing it forgets the conversation, as a visitor would expect of a demo. */
const KEPT_AS = 'warmline-demo-conversation';

/** What the agent sees beside the user's words. */
const USER_NAME = 'Kim';

/** One second between attempts: a killed gateway is back within two. */
const RETRY_AFTER_MS = 1_000;

/** The gateway answers these from its own store, so five seconds of silence is a dead gateway. */
const ANSWER_WITHIN_MS = 5_000;

export class UserChat {
  readonly #root: HTMLElement;
  readonly #tell: (connection: Connection) => void;
  readonly #heardAll: (activities: readonly Activity[]) => void;
  #store: Store | null = null;
  #isAway = false;
  /** Direct Line's client has given up, and tries nothing any more. */
  #isOver = false;
  #deskUserId: string | null = null;

  /** `tell` hears about the connection, `shown` everything that Web Chat shows after each change. */
  constructor(
    root: HTMLElement,
    tell: (connection: Connection) => void,
    shown: (activities: readonly Activity[]) => void,
  ) {
    this.#root = root;
    this.#tell = (connection) => {
      // Sockets that close after it say nothing new: nobody opens another.
      if (this.#isOver) return;
      this.#isOver = ['expired', 'failed', 'ended'].includes(connection);
      this.#isAway = connection === 'reconnecting';
      tell(connection);
    };
    this.#heardAll = shown;
  }

  /** By which id the desk knows this user; null until the conversation is open. */
  get deskUserId(): string | null {
    return this.#deskUserId;
  }

  /** Opens the conversation of this tab, or a new one; rejects when Web Chat itself cannot start. */
  async open(): Promise<void> {
    this.#tell('connecting');
    const webChat = await loadWebChat();
    const opening = await whichConversation();
    this.#watchSockets(opening.domain);
    const directLine = webChat.createDirectLine({
      domain: opening.domain,
      token: opening.token,
      ...(opening.conversationId === undefined ? {} : { conversationId: opening.conversationId }),
    });
    const store = webChat.createStore();
    this.#store = store;
    this.#deskUserId = opening.deskUserId ?? null;
    directLine.connectionStatus$.subscribe((status) => this.#heard(status, directLine, opening));
    addEventListener('pagehide', () => keep(directLine, opening));
    this.#render(webChat, directLine, store, opening.userId);
  }

  /** Says something as the user, as if it had been typed. */
  say(text: string): void {
    this.#store?.dispatch({ type: 'WEB_CHAT/SEND_MESSAGE', payload: { text } });
  }

  /** Forgets the conversation and begins another. */
  startOver(): void {
    this.#store?.dispatch({ type: 'DIRECT_LINE/DISCONNECT' });
    forgetting = true;
    sessionStorage.removeItem(KEPT_AS);
    location.reload();
  }

  #render(webChat: WebChat, directLine: DirectLine, store: Store, userID: string): void {
    const words = chatSpeaker(language);
    watchPictures(this.#root, words);
    const refusals = new Refusals(words, () => draw());
    const retries = new Retries(() => draw());
    const secrets = new Secrets(words, () => draw());
    store.subscribe(() => {
      const { activities } = store.getState();
      this.#heardAll(activities);
      refusals.heard(activities);
      retries.heard(activities);
      secrets.heard(activities);
    });
    const line = patient(directLine, () => this.#isAway || !navigator.onLine, { refusals, retries });
    const draw = () =>
      webChat.renderWebChat(
        {
          directLine: line,
          store,
          userID,
          username: USER_NAME,
          locale,
          sendTypingIndicator: true,
          activityMiddleware: retries.middleware(),
          activityStatusMiddleware: refusals.middleware(),
          attachmentMiddleware: secrets.middleware(),
          styleOptions: styleOptions(),
        },
        this.#root,
      );
    draw();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  }

  #heard(status: number, directLine: DirectLine, opening: Opening): void {
    switch (status) {
      case ConnectionStatus.connecting:
        return this.#tell('connecting');
      case ConnectionStatus.online:
        keep(directLine, opening);
        return this.#tell('online');
      case ConnectionStatus.expired:
        return this.#tell('expired');
      case ConnectionStatus.failed:
        return this.#tell('failed');
      case ConnectionStatus.ended:
        return this.#tell('ended');
    }
  }

  /**
   * Direct Line's client stays "online" while its socket is gone and it waits to open another, so
   * the sockets themselves are watched: nothing else on the page would say that the gateway died.
   */
  #watchSockets(domain: string): void {
    const gateway = new URL(domain).host;
    const told = (connection: Connection) => this.#tell(connection);
    window.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        if (new URL(url).host !== gateway) return;
        let opened = false;
        this.addEventListener('open', () => {
          opened = true;
          told('online');
        });
        this.addEventListener('close', () => {
          if (opened) told('reconnecting');
        });
      }
    };
  }
}

/** Set while the page goes away on purpose, so that it does not keep what it was told to forget. */
let forgetting = false;

function keep(directLine: DirectLine, { domain, userId, deskUserId }: Opening): void {
  const { token, conversationId } = directLine;
  if (forgetting || !conversationId) return;
  const known = deskUserId === undefined ? {} : { deskUserId };
  const kept: Kept = { domain, token, conversationId, userId, ...known };
  sessionStorage.setItem(KEPT_AS, JSON.stringify(kept));
}

async function whichConversation(): Promise<Opening> {
  const kept = readKept();
  if (kept && (await stillThere(kept))) return kept;
  sessionStorage.removeItem(KEPT_AS);
  const config = await fetchConfig();
  return {
    domain: config.directLine,
    token: config.token,
    // Direct Line reserves ids that begin with `dl_` for tokens that bind one.
    userId: `demo-${crypto.randomUUID()}`,
    ...(config.conversationId === undefined ? {} : { conversationId: config.conversationId }),
    ...(config.deskUserId === undefined ? {} : { deskUserId: config.deskUserId }),
  };
}

function readKept(): Kept | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT_AS) ?? 'null') as Kept | null;
  } catch {
    return null;
  }
}

/** Whether the gateway still knows the conversation; a gateway that is starting is waited for. */
async function stillThere(kept: Kept): Promise<boolean> {
  // A demo that was started anew may listen on another port, and then has other conversations.
  if ((await fetchConfig()).directLine !== kept.domain) return false;
  const url = `${kept.domain}/conversations/${encodeURIComponent(kept.conversationId)}?watermark=`;
  const answer = await untilAnswered(url, { headers: { authorization: `Bearer ${kept.token}` } });
  return answer.ok;
}

async function fetchConfig(): Promise<Config> {
  const answer = await untilAnswered('/demo/config.json', { cache: 'no-store' });
  if (!answer.ok) throw new Error(`The demo's settings could not be read (status ${answer.status}).`);
  return (await answer.json()) as Config;
}

/** Asks until somebody answers with anything but "not now". */
async function untilAnswered(url: string, init: RequestInit): Promise<Response> {
  for (;;) {
    try {
      const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
      if (answer.status < 500) return answer;
    } catch {
      // Refused or silent: the gateway is being started, and the page says that it is connecting.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS));
  }
}
