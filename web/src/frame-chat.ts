/**
 * One conversation in the widget's frame. Owns Web Chat and its store, what is unread, and what the
 * user's buttons do; `frame-head.ts` and `frame-strip.ts` show how it stands.
 */

import { Drop } from './frame-drop';
import { element } from './element';
import { Head } from './frame-head';
import { admitted, byKey, connect } from './frame-line';
import type { Connection } from './frame-line';
import { chime, saveAs } from './frame-things';
import { Strip } from './frame-strip';
import { BEGINNING, isMessage, numberOf, tell, transcript, unread } from './frame-story';
import type { Story } from './frame-story';
import { loadWebChat, styleOptions } from './web-chat';
import type { Activity, DirectLine, Store } from './web-chat';
import { read } from './widget-wire';
import type { FromFrame, FromPage, Look, Welcome } from './widget-wire';
import { speaker } from './widget-words';
import type { Say } from './widget-words';

/** Tokens are renewed every quarter of an hour; the newest is the one to remember. */
const KEEP_EVERY_MS = 60_000;

/** Between two lines of a log that is read again there is less than this. */
const SETTLES_WITHIN_MS = 300;

/** A message beside the bubble is a hint and not a letter, in characters. */
const PREVIEW_MAX = 140;

export class Chat {
  readonly #welcome: Welcome;
  readonly #origin: string;
  readonly #send: (told: FromFrame) => void;
  readonly #say: Say;
  readonly #locale: string;
  readonly #head: Head;
  readonly #strip: Strip;
  readonly #drop: Drop;
  #place: HTMLElement;
  #open: boolean;
  #sound: boolean;
  #seen: number;
  #line: DirectLine | null = null;
  #store: Store | null = null;
  #token: string | null = null;
  #redraw: (() => void) | null = null;
  #story: Story = BEGINNING;
  #told = '';
  #loud = 0;
  #settling = 0;
  #answered: ((told: FromPage) => void) | null = null;

  constructor(welcome: Welcome, origin: string, send: (told: FromFrame) => void) {
    this.#welcome = welcome;
    this.#origin = origin;
    this.#send = send;
    this.#say = speaker(welcome.language);
    this.#locale = welcome.language === 'de' ? 'de-DE' : 'en-US';
    this.#open = welcome.open;
    this.#sound = welcome.sound;
    this.#seen = welcome.seen;
    document.documentElement.lang = welcome.language;
    document.title = welcome.title;
    paint(welcome.look, welcome.dark);
    this.#head = new Head(welcome.title, this.#say, welcome.sound, {
      close: () => send({ kind: 'close' }),
      sound: (on) => this.#sounds(on),
      save: () => this.#save(),
      fresh: () => void this.#startOver(),
    });
    this.#strip = new Strip(this.#say, {
      end: () => this.#end(),
      retry: () => void this.#again(),
    });
    this.#place = element('div', { class: 'talk' });
    this.#drop = new Drop(this.#say('drop'), (files) => this.#attach(files));
    const root = document.getElementById('chat');
    root?.setAttribute('aria-label', this.#say('conversation'));
    root?.append(this.#head.root, this.#strip.root, this.#place, this.#drop.root);
    addEventListener('keydown', (event) => this.#pressed(event));
    document.addEventListener('visibilitychange', () => this.#changed());
    addEventListener('focus', () => this.#changed());
    setInterval(() => this.#keep(), KEEP_EVERY_MS);
  }

  /** Gets a token that opens something, and shows its conversation. */
  async open(asking: { stale: string | null; fresh: boolean } = { stale: null, fresh: false }): Promise<void> {
    this.#connection('connecting');
    try {
      const [webChat, token] = await Promise.all([loadWebChat(), this.#admission(asking)]);
      if (token === null) return this.#connection('refused');
      this.#token = token;
      this.#line = connect(webChat, token, (connection) => this.#connection(connection));
      this.#store = webChat.createStore();
      this.#store.subscribe(() => this.#changed());
      this.#show(webChat);
    } catch (error) {
      console.error('Warmline:', error);
      this.#connection('failed');
    }
  }

  heard(told: FromPage): void {
    switch (told.kind) {
      case 'token':
      case 'no-token':
        this.#answered?.(told);
        return;
      case 'opened':
        this.#open = true;
        this.#changed();
        this.#focus();
        return;
      case 'closed':
        this.#open = false;
        return;
      case 'seen':
        this.#seen = told.number;
        this.#changed();
        return;
      case 'look':
        paint(told.look, told.dark);
        this.#redraw?.();
        return;
      case 'sound':
        this.#sound = told.on;
        this.#head.sound(told.on);
    }
  }

  /** A token that the page around may use; null if it may use none. */
  async #admission(asking: { stale: string | null; fresh: boolean }): Promise<string | null> {
    for (let { stale, fresh } = asking, attempt = 0; attempt < 2; attempt += 1) {
      const token = await this.#get(stale, fresh);
      if (token === null) return null;
      const admission = await admitted(this.#origin, token);
      if (admission === 'open') {
        this.#send({ kind: 'keep', token });
        return token;
      }
      if (admission === 'refused') return null;
      [stale, fresh] = [token, false];
    }
    return null;
  }

  async #get(stale: string | null, fresh: boolean): Promise<string | null> {
    const answer = await new Promise<FromPage>((resolve) => {
      this.#answered = resolve;
      this.#send({ kind: 'need', stale, fresh });
    });
    if (answer.kind === 'no-token') {
      if (answer.refused) return null;
      throw new Error('the page could not get a token');
    }
    if (answer.kind === 'token' && answer.token !== null) return answer.token;
    const { key } = this.#welcome;
    return key === null ? null : byKey(this.#origin, key);
  }

  #show(webChat: Awaited<ReturnType<typeof loadWebChat>>): void {
    const [directLine, store] = [this.#line, this.#store];
    if (!directLine || !store) return;
    const draw = () =>
      webChat.renderWebChat(
        {
          directLine,
          store,
          userID: userOf(this.#token),
          username: this.#say('you'),
          locale: this.#locale,
          sendTypingIndicator: true,
          styleOptions: { ...styleOptions(), ...ROOMY },
        },
        this.#place,
      );
    draw();
    this.#redraw = draw;
    this.#send({ kind: 'ready' });
    if (this.#open) this.#focus();
  }

  #connection(connection: Connection): void {
    this.#head.connection(connection);
    this.#strip.connection(connection);
    if (connection === 'online') this.#keep();
  }

  /**
   * Something was said, seen, or became visible. A log that is read again comes line by line, and the
   * user is not to see how the chats in it began and ended; what is said now counts at once.
   */
  #changed(): void {
    const activities = this.#activities();
    clearTimeout(this.#settling);
    if (activities.length > 0 && !activities.some(isRecent)) {
      this.#settling = window.setTimeout(() => this.#settled(activities), SETTLES_WITHIN_MS);
    } else this.#settled(activities);
  }

  #settled(activities: readonly Activity[]): void {
    this.#story = tell(activities);
    this.#head.story(this.#story);
    this.#strip.story(this.#story);
    const news = unread(activities, this.#seen);
    const watched = this.#open && document.visibilityState === 'visible';
    const newest = Math.max(this.#seen, ...news.map(numberOf));
    if (news.some((one) => numberOf(one) > this.#loud && isRecent(one))) this.#ring(watched);
    this.#loud = Math.max(this.#loud, newest);
    if (watched && newest > this.#seen) {
      this.#seen = newest;
      this.#send({ kind: 'seen', number: newest });
    }
    const count = watched ? 0 : news.length;
    const preview = news.at(-1)?.text?.slice(0, PREVIEW_MAX) ?? '';
    const state = { kind: 'state', phase: this.#story.phase, unread: count, preview } as const;
    const now = JSON.stringify(state);
    if (now === this.#told) return;
    this.#told = now;
    this.#send(state);
  }

  #ring(watched: boolean): void {
    if (this.#sound && !(watched && document.hasFocus())) chime();
  }

  #activities(): readonly Activity[] {
    return this.#store?.getState().activities ?? [];
  }

  #keep(): void {
    const token = this.#line?.token;
    if (!token || token === this.#token) return;
    this.#token = token;
    this.#send({ kind: 'keep', token });
  }

  /** Ends or withdraws the live chat, without a word that the agent would read. */
  #end(): void {
    this.#line?.postActivity({ type: 'endOfConversation', from: { id: userOf(this.#token), role: 'user' } }).subscribe(
      () => {},
      () => this.#strip.notEnded(),
    );
  }

  async #again(): Promise<void> {
    const stale = this.#token;
    this.#clear();
    await this.open({ stale, fresh: false });
  }

  async #startOver(): Promise<void> {
    const live = this.#story.phase === 'waiting' || this.#story.phase === 'live';
    if (live) this.#end();
    this.#clear();
    this.#seen = this.#loud = 0;
    this.#story = BEGINNING;
    await this.open({ stale: null, fresh: true });
  }

  #clear(): void {
    this.#store?.dispatch({ type: 'DIRECT_LINE/DISCONNECT' });
    this.#line = this.#store = this.#redraw = null;
    const place = element('div', { class: 'talk' });
    this.#place.replaceWith(place);
    this.#place = place;
  }

  #sounds(on: boolean): void {
    this.#sound = on;
    this.#send({ kind: 'sound', on });
    if (on) chime();
  }

  #save(): void {
    const text = transcript(this.#activities(), this.#say('you'), this.#locale);
    saveAs(`${this.#say('saved.name')}-${new Date().toISOString().slice(0, 10)}.txt`, text);
  }

  /** Files that were dropped go where the clip's files go, to be sent with the next words. */
  #attach(files: readonly File[]): void {
    const store = this.#store;
    if (!store) return;
    const attached = files.map((file) => ({ blob: file, thumbnailURL: pictureOf(file) }));
    const before = store.getState().sendBoxAttachments ?? [];
    store.dispatch({ type: 'WEB_CHAT/SET_SEND_BOX_ATTACHMENTS', payload: { attachments: [...before, ...attached] } });
    this.#box()?.focus();
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || event.defaultPrevented) return;
    if (!this.#head.shut() && !this.#strip.shut()) this.#send({ kind: 'close' });
  }

  #box(): HTMLElement | null {
    return this.#place.querySelector<HTMLElement>('[data-id="webchat-sendbox-input"]');
  }

  /** On a screen that is touched, a keyboard would hide what is to be read. */
  #focus(): void {
    const box = matchMedia('(pointer: coarse)').matches ? null : this.#box();
    (box ?? this.#head.first).focus();
  }
}

/** What a panel this narrow needs other than the demo's page. */
const ROOMY = {
  hideUploadButton: false,
  paddingRegular: 12,
  paddingWide: 16,
  bubbleMaxWidth: 320,
  bubbleNubSize: 0,
  bubbleFromUserNubSize: 0,
  bubbleBorderRadius: 14,
  bubbleFromUserBorderRadius: 14,
  sendBoxHeight: 54,
  hideScrollToEndButton: false,
  uploadMultiple: true,
  sendAttachmentOn: 'send',
};

function paint(look: Look, dark: boolean): void {
  const { style } = document.documentElement;
  for (const [name, value] of Object.entries(look)) style.setProperty(`--${name}`, value);
  style.colorScheme = dark ? 'dark' : 'light';
}

/** What was said while this page was loaded rings; what it catches up with does not. */
function isRecent(activity: Activity): boolean {
  return isMessage(activity) && Date.parse(activity.timestamp ?? '') > performance.timeOrigin;
}

/** The user as the token binds them; for strangers an id that is theirs in this conversation. */
function userOf(token: string | null): string {
  const said = token === null ? null : read(token);
  return said?.user ?? `visitor-${said?.conversation ?? ''}`;
}

function pictureOf(file: File): URL | undefined {
  return file.type.startsWith('image/') ? new URL(URL.createObjectURL(file)) : undefined;
}
