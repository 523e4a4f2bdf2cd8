/** The top of the chat: with whom the user talks, how that is, and what else can be done. */

import { button, element, setText } from './element';
import type { Connection } from './frame-line';
import { BEGINNING } from './frame-story';
import type { Story } from './frame-story';
import { icon } from './widget-skin';
import type { Say } from './widget-words';

export interface Orders {
  close(): void;
  sound(on: boolean): void;
  save(): void;
  fresh(): void;
}

export class Head {
  readonly root: HTMLElement;
  readonly #say: Say;
  readonly #title: string;
  readonly #face: HTMLElement;
  readonly #name: HTMLElement;
  readonly #is: HTMLElement;
  readonly #lock: HTMLElement;
  readonly #more: HTMLButtonElement;
  readonly #menu: HTMLElement;
  readonly #soundItem: HTMLButtonElement;
  readonly #sure: HTMLElement;
  readonly #close: HTMLButtonElement;
  #story: Story = BEGINNING;
  #connection: Connection = 'connecting';
  #shownFace = '';

  constructor(title: string, say: Say, sound: boolean, orders: Orders) {
    this.#say = say;
    this.#title = title;
    this.#face = element('span', { class: 'face', 'aria-hidden': 'true' });
    this.#name = element('h1', { class: 'name' });
    this.#is = element('p', { class: 'is' });
    const sealed = say('sealed');
    const drawn = icon('', 'M7 11V8a5 5 0 0 1 10 0v3', 'M6 11h12a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-8a1 1 0 0 1 1-1z');
    this.#lock = element('span', { class: 'lock', role: 'img', 'aria-label': sealed, title: sealed, hidden: true }, drawn);
    this.#close = iconButton(say('close'), 'M6 6l12 12M18 6L6 18');
    this.#close.addEventListener('click', () => orders.close());
    this.#more = iconButton(say('menu'), 'M12 5.5v.01', 'M12 12v.01', 'M12 18.5v.01');
    this.#more.classList.add('dots');
    this.#more.setAttribute('aria-haspopup', 'menu');
    this.#more.setAttribute('aria-controls', 'menu');
    this.#soundItem = element('button', { type: 'button', role: 'menuitemcheckbox' }, icon('item-icon', 'M11 5L6 9H3v6h3l5 4z', 'M15.5 9a4 4 0 0 1 0 6', 'M18.5 6.5a8 8 0 0 1 0 11'), say('sound'), element('span', { class: 'switch', 'aria-hidden': 'true' }));
    this.sound(sound);
    this.#soundItem.addEventListener('click', () => {
      const on = this.#soundItem.getAttribute('aria-checked') !== 'true';
      this.sound(on);
      orders.sound(on);
    });
    const save = element('button', { type: 'button', role: 'menuitem' }, icon('item-icon', 'M12 4v11', 'M7.5 10.5L12 15l4.5-4.5', 'M4 19h16'), say('save'));
    save.addEventListener('click', () => {
      this.shut();
      orders.save();
    });
    const fresh = element('button', { type: 'button', role: 'menuitem' }, icon('item-icon', 'M4 12a8 8 0 1 0 2.6-5.9', 'M4 4v4.5h4.5'), say('fresh'));
    this.#sure = this.#question(orders);
    fresh.addEventListener('click', () => {
      this.#openMenu(false);
      this.#sure.hidden = false;
      this.#sure.querySelector('button')?.focus();
    });
    this.#menu = element('div', { class: 'menu', id: 'menu', role: 'menu', 'aria-label': say('menu'), hidden: true }, this.#soundItem, save, fresh);
    this.#menu.addEventListener('keydown', (event) => this.#walk(event));
    this.#more.addEventListener('click', () => this.#openMenu(this.#menu.hidden === true));
    this.#openMenu(false);
    document.addEventListener('pointerdown', (event) => {
      const inside = event.target instanceof Node && (this.#menu.contains(event.target) || this.#more.contains(event.target));
      if (!inside) this.#openMenu(false);
    });
    const who = element('div', { class: 'who' }, this.#name, element('div', { class: 'standing' }, this.#is, this.#lock));
    this.root = element('header', { class: 'head' }, this.#face, who, this.#more, this.#close, this.#menu, this.#sure);
    this.#draw();
  }

  /** What is focused where a keyboard on the screen would be in the way. */
  get first(): HTMLElement {
    return this.#close;
  }

  story(story: Story): void {
    this.#story = story;
    this.#draw();
  }

  connection(connection: Connection): void {
    this.#connection = connection;
    this.#draw();
  }

  /** Whether messages are sealed between this browser and the gateway. */
  sealed(on: boolean): void {
    this.#lock.hidden = !on;
  }

  sound(on: boolean): void {
    this.#soundItem.setAttribute('aria-checked', String(on));
  }

  /** Closes what is open on top; false if nothing was. */
  shut(): boolean {
    const open = !this.#menu.hidden || !this.#sure.hidden;
    this.#openMenu(false);
    this.#sure.hidden = true;
    if (open) this.#more.focus();
    return open;
  }

  #openMenu(open: boolean): void {
    this.#menu.hidden = !open;
    this.#more.setAttribute('aria-expanded', String(open));
    if (open) this.#soundItem.focus();
  }

  /** Arrow keys go round, as in every menu. */
  #walk(event: KeyboardEvent): void {
    const items = [...this.#menu.querySelectorAll('button')];
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? items.length - 1 : step === undefined ? null : (at + step + items.length) % items.length;
    if (event.key === 'Tab') this.#openMenu(false);
    if (next === null) return;
    event.preventDefault();
    items[next]?.focus();
  }

  #question(orders: Orders): HTMLElement {
    const say = this.#say;
    const no = button(say('fresh.no'), 'plain', () => this.shut());
    const yes = button(say('fresh.yes'), 'strong', () => {
      this.shut();
      orders.fresh();
    });
    const words = element('p', { id: 'sure' }, say('fresh.sure'));
    return element('div', { class: 'sure', role: 'alertdialog', 'aria-labelledby': 'sure', hidden: true }, words, element('div', { class: 'choices' }, no, yes));
  }

  #draw(): void {
    const { phase, agent } = this.#story;
    const live = phase === 'live';
    setText(this.#name, live ? (agent ?? this.#say('agent')) : this.#title);
    const [words, tone] = this.#standing();
    setText(this.#is, words);
    this.#is.dataset['tone'] = tone;
    this.#drawFace(live ? this.#story.avatar : null, live ? agent : null, live);
  }

  #standing(): readonly [words: string, tone: string] {
    const say = this.#say;
    switch (this.#connection) {
      case 'connecting':
        return [say('connecting'), 'busy'];
      case 'reconnecting':
        return navigator.onLine ? [say('reconnecting'), 'bad'] : [say('offline'), 'bad'];
      case 'failed':
      case 'refused':
      case 'gone':
        return [say('failed'), 'bad'];
      case 'online':
        break;
    }
    switch (this.#story.phase) {
      case 'waiting':
        return [say('waiting'), 'busy'];
      case 'live':
        return this.#story.transferring ? [say('transferring.is'), 'busy'] : [say('live.is'), 'good'];
      case 'over':
      case 'bot':
        return [say('bot.is'), 'good'];
    }
  }

  #drawFace(picture: string | null, name: string | null, live: boolean): void {
    const is = `${picture} ${name} ${live}`;
    if (is === this.#shownFace) return;
    this.#shownFace = is;
    const initials = (): Node | string => {
      const letters = (name ?? '').split(/\s+/).filter(Boolean).map((word) => word[0] ?? '');
      const short = [letters[0], letters.length > 1 ? letters.at(-1) : ''].join('').toUpperCase();
      return short !== '' ? short : icon('', 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z', 'M4.5 20a7.5 7.5 0 0 1 15 0');
    };
    if (!live) {
      this.#face.replaceChildren(icon('', 'M12 3.5V7', 'M6 7h12a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2z', 'M9 12.5v1.5M15 12.5v1.5'));
      return;
    }
    if (picture === null) return this.#face.replaceChildren(initials());
    const image = element('img', { src: picture, alt: '' });
    image.addEventListener('error', () => this.#face.replaceChildren(initials()));
    this.#face.replaceChildren(image);
  }
}

function iconButton(label: string, ...paths: string[]): HTMLButtonElement {
  return element('button', { type: 'button', class: 'icon', 'aria-label': label, title: label }, icon('', ...paths));
}
