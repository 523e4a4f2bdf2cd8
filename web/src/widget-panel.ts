/**
 * The panel on the site's page. Owns what is open, what is focused and what a screen
 * reader is told; speaks with the frame, and gets it its token.
 */

import { element } from './element';
import { Bubble } from './widget-bubble';
import { alone } from './widget-kept';
import type { Kept, Memory } from './widget-kept';
import { look, SKIN, SMALL } from './widget-skin';
import { fromServer, NoToken, remembered } from './widget-tokens';
import type { Asking } from './widget-tokens';
import { HELLO, isSame, WELCOME } from './widget-wire';
import type { FromFrame, FromPage, Phase, Welcome } from './widget-wire';
import type { Say } from './widget-words';

/** A frame that has not greeted by then will not: it is blocked, or the gateway is away. */
const GREETS_WITHIN_MS = 20_000;

/** How long another tab waits for a frame that gets a token by the site's key. */
const TOKEN_WITHIN_MS = 15_000;

export interface Setting {
  readonly base: string;
  readonly tokenUrl: string | null;
  readonly key: string | null;
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
  readonly #rest: HTMLElement;
  readonly #small = matchMedia(SMALL);
  #frame: HTMLIFrameElement | null = null;
  #port: MessagePort | null = null;
  #late = 0;
  #phase: Phase = 'bot';
  /** Where the keyboard goes back to. */
  #opener: HTMLElement | null = null;
  /** Called when a token that the frame got by the key is known. */
  #got: (() => void) | null = null;

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
    this.#rest = element('div', { class: 'rest' });
    this.#dialog = element('dialog', { id: 'panel', 'aria-label': title }, this.#rest);
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
    addEventListener('message', (event) => this.#greeted(event));
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
    const back = this.#opener?.isConnected ? this.#opener : this.#bubble.button;
    if (held) back.focus();
  }

  /** Nobody is to go on with this conversation here: the user signs out. */
  forget(): void {
    this.close();
    this.#set.memory.forget();
    this.#unload();
    this.#count(0, '');
  }

  /** The page's colours may have changed. */
  painted(): void {
    const painted = this.#look();
    this.#send({ kind: 'look', ...painted });
  }

  /** Another tab of the site has changed what is remembered. */
  remembered(now: Kept, before: Kept): void {
    if (now.seen !== before.seen) this.#send({ kind: 'seen', number: now.seen });
    if (now.sound !== before.sound) this.#send({ kind: 'sound', on: now.sound });
    const same = isSame(now.token, before.token);
    if (same || this.#frame === null) return;
    // Another conversation: it was begun anew, or somebody else has signed in.
    const open = this.isOpen;
    this.#unload();
    this.#count(0, '');
    if (now.token === null) this.close();
    else if (open || now.live) this.#load();
  }

  #show(focus: boolean): void {
    if (this.#small.matches) this.#dialog.showModal();
    else this.#dialog.show();
    this.#opened(true);
    this.#load();
    this.#send({ kind: 'opened' });
    if (focus) this.#focus();
    else if (this.#root.activeElement !== null) (document.activeElement as HTMLElement | null)?.blur();
  }

  #opened(open: boolean): void {
    this.#set.memory.keep({ open });
    this.#set.host.toggleAttribute('open', open);
    this.#bubble.opened(open);
    this.#fit();
    this.#set.host.dispatchEvent(new CustomEvent(open ? 'warmline-open' : 'warmline-close', { bubbles: true }));
  }

  #focus(): void {
    if (this.#frame && this.#port) this.#frame.focus();
    else this.#rest.querySelector<HTMLElement>('button')?.focus();
  }

  /** A window that became small or wide while the panel is open. */
  #lay(): void {
    if (!this.isOpen) return;
    this.#dialog.close();
    if (this.#small.matches) this.#dialog.showModal();
    else this.#dialog.show();
    this.#fit();
  }

  /** A keyboard on the screen takes room from the panel, not from the message that is written. */
  #fit(): void {
    const height = visualViewport?.height;
    if (height) this.#dialog.style.setProperty('--seen-height', `${Math.round(height)}px`);
  }

  #load(): void {
    if (this.#frame) return;
    const { say } = this.#set;
    this.#rest.replaceChildren(element('span', { class: 'turn' }), element('p', { role: 'status' }, say('loading')), this.#shutButton());
    this.#rest.hidden = false;
    const frame = element('iframe', {
      src: new URL('widget/frame', this.#set.base).href,
      title: this.#set.title,
      allow: 'autoplay; clipboard-write',
    });
    this.#frame = frame;
    this.#dialog.append(frame);
    this.#late = window.setTimeout(() => this.#unreachable(), GREETS_WITHIN_MS);
  }

  #unload(): void {
    clearTimeout(this.#late);
    this.#port?.close();
    this.#frame?.remove();
    this.#port = this.#frame = null;
    this.#got?.();
  }

  #unreachable(): void {
    const { say } = this.#set;
    this.#unload();
    const again = element('button', { type: 'button', class: 'again' }, say('retry'));
    again.addEventListener('click', () => {
      this.#load();
      this.#dialog.focus();
    });
    this.#rest.replaceChildren(element('p', { role: 'alert' }, say('unreachable')), again, this.#shutButton());
  }

  #shutButton(): HTMLElement {
    const shut = element('button', { type: 'button', class: 'shut-panel' }, this.#set.say('close'));
    shut.addEventListener('click', () => this.close());
    return shut;
  }

  /** The frame is there: it gets its end of the channel, and what it has to know. */
  #greeted(event: MessageEvent): void {
    const frame = this.#frame;
    const origin = new URL(this.#set.base).origin;
    if (!frame || event.source !== frame.contentWindow || event.origin !== origin) return;
    if ((event.data as { kind?: unknown } | null)?.kind !== HELLO) return;
    clearTimeout(this.#late);
    this.#port?.close();
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.addEventListener('message', ({ data }) => this.#heard(data as FromFrame));
    port1.start();
    const { seen, sound } = this.#set.memory.fresh();
    const { language, title, key } = this.#set;
    const welcome: Welcome = { kind: WELCOME, language, title, key, seen, sound, open: this.isOpen, ...this.#look() };
    frame.contentWindow?.postMessage(welcome, origin, [port2]);
    this.#rest.hidden = true;
    const away = this.#root.activeElement === null && document.activeElement !== document.body;
    if (this.isOpen && this.#opener && !away) frame.focus();
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
        this.#got?.();
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
    const { tokenUrl, memory, name } = this.#set;
    try {
      await alone(name, async () => {
        if (tokenUrl === null) return this.#byKey(asking);
        const token = await fromServer(tokenUrl, memory, asking);
        memory.goOn(token);
        this.#send({ kind: 'token', token });
      });
    } catch (error) {
      console.error('Warmline:', error instanceof Error ? error.message : error);
      this.#send({ kind: 'no-token', refused: error instanceof NoToken && error.refused });
    }
  }

  /** Keeps other tabs waiting until the frame has got a token: they take the same. */
  async #byKey(asking: Asking): Promise<void> {
    const token = remembered(this.#set.memory, asking);
    this.#send({ kind: 'token', token });
    if (token !== null) return;
    await new Promise<void>((resolve) => {
      this.#got = resolve;
      setTimeout(resolve, TOKEN_WITHIN_MS);
    });
    this.#got = null;
  }

  #send(told: FromPage): void {
    this.#port?.postMessage(told);
  }

  #count(unread: number, preview: string): void {
    const before = this.#bubble.unread;
    this.#bubble.count(unread, preview);
    if (unread === before) return;
    const detail = { count: unread };
    this.#set.host.dispatchEvent(new CustomEvent('warmline-unread', { bubbles: true, detail }));
  }
}
