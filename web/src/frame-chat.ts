/**
 * One conversation in the widget's frame. Owns Web Chat and its store, and what the user's buttons do;
 * `frame-door.ts` gets its token, `frame-news.ts` knows what is new, `frame-head.ts` and
 * `frame-strip.ts` show how it stands.
 */

import { chatSpeaker } from './chat-words';
import { Carried } from './frame-carried';
import { Door } from './frame-door';
import { Drop } from './frame-drop';
import { element } from './element';
import { adding, Files, forgetChosen } from './frame-files';
import { Head } from './frame-head';
import type { Connection } from './frame-line';
import { paint, roomy } from './frame-look';
import { News } from './frame-news';
import { quietNotices } from './frame-notices';
import { Reach } from './frame-reach';
import { chime, saveAs } from './frame-things';
import { Strip } from './frame-strip';
import { transcript } from './frame-story';
import { watchPictures } from './pictures';
import { Refusals } from './refused';
import { patient } from './resend';
import { Retries } from './retry';
import { Secrets } from './secret';
import type { Activity, Store, WebChat } from './web-chat';
import type { Asking } from './widget-tokens';
import { read } from './widget-wire';
import type { FromFrame, FromPage, Welcome } from './widget-wire';
import { speaker } from './widget-words';
import type { Say } from './widget-words';

/** Tokens are renewed every quarter of an hour; the newest is the one to remember. */
const KEEP_EVERY_MS = 60_000;

/** Nobody is asked for anything then: what is written waits. */
const AWAY: readonly Connection[] = ['reconnecting', 'failed', 'gone'];

export class Chat {
  readonly #send: (told: FromFrame) => void;
  readonly #say: Say;
  readonly #locale: string;
  readonly #head: Head;
  readonly #strip: Strip;
  readonly #news: News;
  readonly #door: Door;
  readonly #reach: Reach;
  readonly #refusals: Refusals;
  readonly #retries: Retries;
  readonly #secrets: Secrets;
  readonly #files: Files;
  #place: HTMLElement;
  /** What waits from the conversation before this one. */
  #carried: Carried | null = null;
  #store: Store | null = null;
  #redraw: (() => void) | null = null;
  #isAway = false;
  /** The user is here with the keyboard, or wants to be. */
  #called: boolean;

  constructor(welcome: Welcome, origin: string, send: (told: FromFrame) => void) {
    this.#send = send;
    this.#called = welcome.called;
    this.#say = speaker(welcome.language);
    this.#locale = welcome.language === 'de' ? 'de-DE' : 'en-US';
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
      begin: () => void this.#goOn(),
      leave: () => this.#focus(),
    });
    this.#door = new Door(origin, welcome.key, send);
    this.#reach = new Reach(this.#door, {
      connection: (connection) => this.#connection(connection),
      sealed: (on) => this.#head.sealed(on),
      another: () => void this.#anew({ stale: null, fresh: false }),
    });
    this.#news = new News(welcome, this.#say, send, (story) => {
      this.#head.story(story);
      this.#strip.story(story);
    });
    const words = chatSpeaker(welcome.language);
    this.#refusals = new Refusals(words, () => this.#redraw?.());
    this.#retries = new Retries(() => this.#redraw?.());
    this.#secrets = new Secrets(words, () => this.#redraw?.());
    this.#files = new Files(this.#say, this.#locale, () => this.#focus());
    this.#place = element('div', { class: 'talk' });
    const drop = new Drop(this.#say('drop'), (files) => this.#attach(files));
    const root = document.getElementById('chat');
    root?.setAttribute('aria-label', this.#say('conversation'));
    root?.append(this.#head.root, this.#strip.root, this.#strip.news, this.#files.news, this.#place, drop.root);
    if (root) watchPictures(root, words);
    root?.addEventListener('click', forgetChosen, { capture: true });
    addEventListener('keydown', (event) => this.#pressed(event));
    setInterval(() => this.#keep(), KEEP_EVERY_MS);
  }

  /** Gets a token that opens something, and shows its conversation. */
  async open(asking: Asking = { stale: null, fresh: false }): Promise<void> {
    this.#connection('connecting');
    try {
      const webChat = await this.#reach.open(asking);
      if (webChat === null) return this.#unopened('refused');
      this.#store = webChat.createStore({}, adding);
      this.#store.subscribe(() => this.#heard());
      this.#carried?.begin(this.#store);
      this.#show(webChat);
    } catch (error) {
      console.error('Warmline:', error);
      this.#unopened('failed');
    }
  }

  heard(told: FromPage): void {
    switch (told.kind) {
      case 'token':
      case 'no-token':
        this.#door.heard(told);
        return;
      case 'opened':
        this.#called = true;
        this.#news.opened(true);
        this.#focus();
        return;
      case 'closed':
        this.#news.opened(false);
        return;
      case 'seen':
        this.#news.seen(told.number);
        return;
      case 'look':
        paint(told.look, told.dark);
        this.#redraw?.();
        return;
      case 'sound':
        this.#news.sound(told.on);
        this.#head.sound(told.on);
    }
  }

  #show(webChat: WebChat): void {
    const [line, store] = [this.#reach.line, this.#store];
    if (!line || !store) return;
    const directLine = patient(line, () => this.#isAway || !navigator.onLine, { refusals: this.#refusals, retries: this.#retries });
    const draw = () => {
      const held = this.#place.contains(document.activeElement);
      webChat.renderWebChat(
        {
          directLine,
          store,
          userID: userOf(this.#reach.token),
          // A name would be told to the bot and the agent; who they are, the site's server says.
          username: '',
          locale: this.#locale,
          sendTypingIndicator: true,
          activityMiddleware: [this.#retries.middleware(), quietNotices],
          activityStatusMiddleware: this.#refusals.middleware(),
          attachmentMiddleware: this.#secrets.middleware(),
          styleOptions: roomy(),
        },
        this.#place,
      );
      this.#files.show(store, this.#place);
      // A field that has done its work may be gone, and the keyboard was on its button.
      if (held && document.activeElement === document.body) this.#focus();
    };
    draw();
    this.#redraw = draw;
    this.#send({ kind: 'ready' });
    this.#arrive();
  }

  #unopened(connection: Connection): void {
    this.#connection(connection);
    this.#arrive();
  }

  /** Takes the keyboard, where the user has called for the chat; a page that goes on with it keeps it. */
  #arrive(): void {
    if (this.#called && this.#news.isOpen) this.#focus();
  }

  #connection(connection: Connection): void {
    this.#isAway = AWAY.includes(connection);
    document.documentElement.dataset['connection'] = connection;
    this.#head.connection(connection);
    this.#strip.connection(connection);
    if (connection === 'online') this.#keep();
  }

  #heard(): void {
    const activities = this.#activities();
    this.#news.heard(activities);
    this.#refusals.heard(activities);
    this.#retries.heard(activities);
    this.#secrets.heard(activities);
    if (!this.#store) return;
    this.#files.show(this.#store, this.#place);
    this.#carried?.heard(this.#store);
  }

  #activities(): readonly Activity[] {
    return this.#store?.getState().activities ?? [];
  }

  #keep(): void {
    const token = this.#reach.renewed();
    if (token !== null) this.#send({ kind: 'keep', token });
  }

  /** Ends or withdraws the live chat, without a word that the agent would read. */
  #end(): void {
    this.#reach.line?.postActivity({ type: 'endOfConversation', from: { id: userOf(this.#reach.token), role: 'user' } }).subscribe(
      () => {},
      () => this.#strip.notEnded(),
    );
  }

  async #again(): Promise<void> {
    this.#called = true;
    if (this.#reach.canResume) return this.#reach.resume();
    const stale = this.#reach.token;
    this.#clear();
    await this.open({ stale, fresh: false });
  }

  /** Begins a new conversation in place of one that cannot be gone on with, and says there what waited. */
  async #goOn(): Promise<void> {
    this.#called = true;
    const carried = new Carried(this.#retries.takeUnsent(), this.#store);
    await this.#anew({ stale: this.#reach.token, fresh: false }, carried);
  }

  async #startOver(): Promise<void> {
    this.#called = true;
    const { phase } = this.#news.story;
    if (phase === 'waiting' || phase === 'live') this.#end();
    await this.#anew({ stale: null, fresh: true });
  }

  /** Another conversation, with nothing of this one but what is `carried` into it. */
  async #anew(asking: Asking, carried: Carried | null = null): Promise<void> {
    this.#retries.takeUnsent();
    this.#clear();
    this.#carried = carried;
    this.#news.begin();
    await this.open(asking);
  }

  #clear(): void {
    this.#store?.dispatch({ type: 'DIRECT_LINE/DISCONNECT' });
    this.#reach.close();
    this.#store = this.#redraw = null;
    const place = element('div', { class: 'talk' });
    this.#place.replaceWith(place);
    this.#place = place;
  }

  #sounds(on: boolean): void {
    this.#news.sound(on);
    this.#send({ kind: 'sound', on });
    if (on) chime();
  }

  #save(): void {
    const text = transcript(this.#activities(), this.#say, this.#locale);
    saveAs(`${this.#say('saved.name')}-${new Date().toISOString().slice(0, 10)}.txt`, text);
  }

  /** Files that were dropped or pasted go where the clip's files go, to be sent with the next words. */
  #attach(files: readonly File[]): void {
    if (!this.#store) return;
    this.#files.add(files);
    this.#box()?.focus();
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || event.defaultPrevented) return;
    // Who reads in the transcript goes back to the box with it, as Web Chat says there.
    if (event.target instanceof Element && event.target.closest('.webchat__basic-transcript')) {
      this.#box()?.focus();
      return;
    }
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

/** The user as the token binds them; for strangers an id that is theirs in this conversation. */
function userOf(token: string | null): string {
  const said = token === null ? null : read(token);
  return said?.user ?? `visitor-${said?.conversation ?? ''}`;
}
