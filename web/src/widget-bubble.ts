/** The bubble in the page's corner: the number of what was not seen, and the newest words beside it. */

import { element } from './element';
import { icon } from './widget-skin';
import type { Say } from './widget-words';

/** How long the newest message is shown beside the bubble. */
const PEEK_FOR_MS = 8_000;

/** Unread messages are counted up to here. */
const COUNTED_MAX = 99;

export class Bubble {
  readonly button: HTMLButtonElement;
  readonly #badge: HTMLElement;
  readonly #peek: HTMLButtonElement;
  readonly #news: HTMLElement;
  readonly #say: Say;
  readonly #shown: boolean;
  #unread = 0;
  #open = false;
  #peeking = 0;

  /** A bubble that is not `shown` is kept for its news: the site's own buttons open the chat. */
  constructor(say: Say, shown: boolean, toggle: () => void) {
    this.#say = say;
    this.#shown = shown;
    this.#badge = element('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
    this.button = element(
      'button',
      { type: 'button', class: 'bubble', 'aria-expanded': 'false', 'aria-controls': 'panel', hidden: !shown },
      icon('chat', 'M5 4h14a2.5 2.5 0 0 1 2.5 2.5v8A2.5 2.5 0 0 1 19 17h-6.5L7.5 21v-4H5a2.5 2.5 0 0 1-2.5-2.5v-8A2.5 2.5 0 0 1 5 4z', 'M8 10.5v.01', 'M12 10.5v.01', 'M16 10.5v.01'),
      icon('shut', 'M6 6l12 12M18 6L6 18'),
      this.#badge,
    );
    this.button.addEventListener('click', toggle);
    this.#peek = element('button', { type: 'button', class: 'peek', hidden: true });
    this.#peek.addEventListener('click', toggle);
    this.#news = element('p', { class: 'unseen', role: 'status' });
    this.#label();
  }

  /** What goes into the page, in the order in which the keyboard comes by. */
  get parts(): readonly HTMLElement[] {
    return [this.#peek, this.button, this.#news];
  }

  get unread(): number {
    return this.#unread;
  }

  opened(open: boolean): void {
    this.#open = open;
    this.button.setAttribute('aria-expanded', String(open));
    this.#peek.hidden = true;
    this.#label();
  }

  count(unread: number, preview: string): void {
    const more = unread > this.#unread;
    this.#unread = unread;
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > COUNTED_MAX ? `${COUNTED_MAX}+` : String(unread);
    this.#label();
    if (unread === 0) this.#peek.hidden = true;
    if (more && !this.#open) this.#tell(unread, preview);
  }

  #tell(unread: number, preview: string): void {
    const say = this.#say;
    this.#news.textContent = unread === 1 ? say('news.one') : say('news', { count: unread });
    if (!preview || !this.#shown) return;
    this.#peek.textContent = preview;
    this.#peek.hidden = false;
    clearTimeout(this.#peeking);
    this.#peeking = window.setTimeout(() => {
      const root = this.#peek.getRootNode() as ShadowRoot;
      if (root.activeElement !== this.#peek) this.#peek.hidden = true;
    }, PEEK_FOR_MS);
  }

  #label(): void {
    const [say, count] = [this.#say, this.#unread];
    const shut = count === 0 ? say('open') : count === 1 ? say('open.unread.one') : say('open.unread', { count });
    this.button.setAttribute('aria-label', this.#open ? say('close') : shut);
  }
}
