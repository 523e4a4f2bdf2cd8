/**
 * The panel on the site's page. Owns what is open, what is focused and what a screen reader is told;
 * gets the chat's token (`widget-tokens.ts`) and its frame (`widget-frame.ts`), and speaks with it.
 */

import { element } from './element';
import { Bubble } from './widget-bubble';
import { Frame } from './widget-frame';
import type { Named } from './widget-frame';
import type { Kept, Memory } from './widget-kept';
import { answers, silent } from './widget-probe';
import { Rest } from './widget-rest';
import { look, SKIN, SMALL } from './widget-skin';
import { NoToken, Tokens } from './widget-tokens';
import type { Asking } from './widget-tokens';
import { isSame, read, WELCOME } from './widget-wire';
import type { FromFrame, FromPage, Phase, Welcome } from './widget-wire';
import type { Say } from './widget-words';

export interface Setting {
  readonly base: string;
  readonly tokenUrl: string | null;
  readonly key: string | null;
  readonly nonce: string;
  readonly host: HTMLElement;
  readonly memory: Memory;
  readonly language: string;
  readonly say: Say;
  /** Under which the tabs of this site agree. */
  readonly name: string;
  readonly title: string;
  readonly bubble: boolean;
}

export class Panel {
  readonly #set: Setting;
  readonly #root: ShadowRoot;
  readonly #bubble: Bubble;
  readonly #dialog: HTMLDialogElement;
  readonly #rest: Rest;
  readonly #tokens: Tokens;
  readonly #small = matchMedia(SMALL);
  #frame: Frame | null = null;
  /** A token was got before its frame, which is named by it, and waits for it. */
  #ready: string | null = null;
  /** What is being loaded; whatever comes for an earlier one comes too late. */
  #loading: object | null = null;
  #phase: Phase = 'bot';
  /** Where the keyboard goes back to. */
  #opener: HTMLElement | null = null;

  constructor(setting: Setting) {
    const { say, host, title } = setting;
    this.#set = setting;
    this.#root = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SKIN);
    this.#root.adoptedStyleSheets = [sheet];
    this.#bubble = new Bubble(say, setting.bubble, () =>
      this.isOpen ? this.close() : this.open(this.#bubble.button),
    );
    this.#tokens = new Tokens(setting.tokenUrl, setting.memory, setting.name);
    this.#rest = new Rest(say, {
      close: () => this.close(),
      again: () => this.#load(),
    });
    this.#dialog = element('dialog', { id: 'panel', 'aria-label': title }, this.#rest.root);
    this.#dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      this.close();
    });
    this.#root.append(...this.#bubble.parts, this.#dialog);
    this.#root.addEventListener('keydown', (event) => {
      if ((event as KeyboardEvent).key === 'Escape' && this.isOpen) this.close();
    });
    this.#small.addEventListener('change', () => this.#lay());
    visualViewport?.addEventListener('resize', () => this.#fit());
  }

  get isOpen(): boolean {
    return this.#dialog.open;
  }

  /** Goes on as the user had left it on the last page. */
  begin(openAtFirst: boolean): void {
    this.painted();
    const { open, live, token } = this.#set.memory.kept;
    // A panel over the whole window would hide the page that the user has just gone to.
    const again = open && token !== null && !this.#small.matches;
    if (again || (openAtFirst && token === null && !this.#small.matches)) this.#show(false);
    else if (live) this.#load();
  }

  open(opener?: HTMLElement): void {
    if (this.isOpen) return;
    this.#opener = opener ?? (document.activeElement as HTMLElement | null);
    this.#show(true);
  }

  close(): void {
    if (!this.isOpen) return;
    // The keyboard is only taken back from where it was given to.
    const held = this.#root.activeElement !== null && this.#root.activeElement !== this.#bubble.button;
    this.#dialog.close();
    this.#opened(false);
    this.#send({ kind: 'closed' });
    if (held) (this.#opener?.isConnected ? this.#opener : this.#bubble.button).focus();
  }

  /** Nobody is to go on with this conversation here: the user signs out. */
  forget(): void {
    this.close();
    this.#set.memory.forget();
    this.#tokens.forget();
    this.#unload();
    this.#count(0, '');
  }

  /** The page's colours may have changed. */
  painted(): void {
    this.#send({ kind: 'look', ...this.#look() });
  }

  /** Another tab of the site has changed what is remembered. */
  remembered(now: Kept, before: Kept): void {
    if (now.seen !== before.seen) this.#send({ kind: 'seen', number: now.seen });
    if (now.sound !== before.sound) this.#send({ kind: 'sound', on: now.sound });
    const same = isSame(now.token, before.token);
    if (same || this.#loading === null) return;
    // Another conversation: it was begun anew, or somebody else has signed in.
    const open = this.isOpen;
    this.#unload();
    this.#count(0, '');
    if (now.token === null) this.close();
    else if (open || now.live) this.#load();
  }

  #show(focus: boolean): void {
    this.#unfold();
    this.#opened(true);
    this.#load();
    this.#send({ kind: 'opened' });
    if (focus) this.#focus();
  }

  #opened(open: boolean): void {
    this.#set.memory.keep({ open });
    this.#set.host.toggleAttribute('open', open);
    this.#bubble.opened(open);
    this.#fit();
    this.#set.host.dispatchEvent(new CustomEvent(open ? 'warmline-open' : 'warmline-close', { bubbles: true }));
  }

  #focus(): void {
    if (this.#frame?.isThere) this.#frame.root.focus();
    else this.#rest.focus();
  }

  /** Beside the page without `show`, which would take the keyboard from wherever it is. */
  #unfold(): void {
    if (this.#small.matches) this.#dialog.showModal();
    else this.#dialog.open = true;
  }

  /** A window that became small or wide while the panel is open. */
  #lay(): void {
    if (!this.isOpen) return;
    this.#dialog.close();
    this.#unfold();
    this.#fit();
  }

  /** A keyboard on the screen takes room from the panel, not from the message that is written. */
  #fit(): void {
    const height = visualViewport?.height;
    if (height) this.#dialog.style.setProperty('--seen-height', `${Math.round(height)}px`);
  }

  #load(): void {
    if (this.#loading) return;
    this.#loading = {};
    this.#rest.loading();
    void this.#fill(this.#loading);
  }

  /** Gets the frame; by the site's name in a token, where there is no key. */
  async #fill(loading: object): Promise<void> {
    const { key } = this.#set;
    let ready: string | null = null;
    try {
      if (key === null) await this.#tokens.get({ stale: null, fresh: false }, (token) => (ready = token));
      if (this.#loading !== loading) return;
      this.#ready = ready;
      const said = ready === null ? null : read(ready);
      if (key !== null) this.#put({ key });
      else if (said !== null) this.#put({ site: said.site });
    } catch (error) {
      if (this.#loading === loading) this.#failed(error);
    }
  }

  #put(named: Named, again = false): void {
    const { base, title } = this.#set;
    this.#frame = new Frame(base, named, title, {
      welcome: () => this.#welcome(),
      greeted: () => this.#greeted(),
      heard: (told) => this.#heard(told),
      late: (loaded) => void this.#late(named, loaded, again),
    });
    this.#dialog.append(this.#frame.root);
  }

  /**
   * The frame is silent. If something is in it though the gateway is there, it may not be shown on this
   * page, and trying again is no use; but first it is tried once more, since a gateway that was away for
   * a moment looks the same.
   */
  async #late(named: Named, loaded: boolean, again: boolean): Promise<void> {
    const [frame, { base, nonce }] = [this.#frame, this.#set];
    const there = loaded && (await answers(base, nonce));
    if (frame === null || this.#frame !== frame || frame.isThere) return;
    if (!there || again) return this.#failed(new NoToken(there, silent(named, base, there)));
    frame.remove();
    this.#put(named, true);
  }

  #unload(): void {
    this.#frame?.remove();
    this.#frame = this.#loading = this.#ready = null;
    this.#tokens.got();
  }

  #failed(error: unknown): void {
    complain(error);
    this.#unload();
    this.#rest.failed(error instanceof NoToken && error.refused);
  }

  #welcome(): Welcome {
    const { seen, sound } = this.#set.memory.fresh();
    const { language, title, key } = this.#set;
    const [open, called] = [this.isOpen, this.isOpen && this.#opener !== null];
    return { kind: WELCOME, language, title, key, seen, sound, open, called, ...this.#look() };
  }

  #greeted(): void {
    this.#rest.done();
    const away = this.#root.activeElement === null && document.activeElement !== document.body;
    if (this.isOpen && this.#opener && !away) this.#frame?.root.focus();
  }

  #look(): Pick<Welcome, 'look' | 'dark'> {
    const { host } = this.#set;
    const found = look(host, this.#root);
    host.style.setProperty('--accent-ink', found['accent-ink'] ?? '');
    return { look: found, dark: host.hasAttribute('dark') };
  }

  #heard(told: FromFrame): void {
    const { memory, host } = this.#set;
    switch (told.kind) {
      case 'need':
        void this.#token(told);
        return;
      case 'keep':
        memory.goOn(told.token);
        this.#tokens.got();
        return;
      case 'ready':
        if (this.isOpen && this.#opener) this.#focus();
        return;
      case 'state':
        if (told.phase !== this.#phase) {
          this.#phase = told.phase;
          host.dispatchEvent(new CustomEvent('warmline-phase', { bubbles: true, detail: { phase: told.phase } }));
        }
        memory.keep({ live: told.phase === 'waiting' || told.phase === 'live' });
        this.#count(told.unread, told.preview);
        return;
      case 'seen':
        if (told.number > memory.fresh().seen) memory.keep({ seen: told.number });
        return;
      case 'sound':
        memory.keep({ sound: told.on });
        return;
      case 'close':
        this.close();
    }
  }

  async #token(asking: Asking): Promise<void> {
    const give = (token: string | null) => this.#send({ kind: 'token', token });
    const ready = this.#ready;
    this.#ready = null;
    if (ready !== null && asking.stale === null && !asking.fresh) return give(ready);
    try {
      await this.#tokens.get(asking, give);
    } catch (error) {
      complain(error);
      this.#send({ kind: 'no-token', refused: error instanceof NoToken && error.refused });
    }
  }

  #send(told: FromPage): void {
    this.#frame?.send(told);
  }

  #count(unread: number, preview: string): void {
    const before = this.#bubble.unread;
    this.#bubble.count(unread, preview);
    if (unread === before) return;
    const detail = { count: unread };
    this.#set.host.dispatchEvent(new CustomEvent('warmline-unread', { bubbles: true, detail }));
  }
}

function complain(error: unknown): void {
  console.error('Warmline:', error instanceof Error ? error.message : error);
}
