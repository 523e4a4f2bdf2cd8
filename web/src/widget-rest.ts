/** What the panel shows while the chat is not in it: that it is coming, or why it does not. */

import { button, element } from './element';
import type { Say } from './widget-words';

export interface RestOrders {
  close(): void;
  again(): void;
}

export class Rest {
  readonly root = element('div', { class: 'rest', hidden: true });
  readonly #say: Say;
  readonly #orders: RestOrders;

  constructor(say: Say, orders: RestOrders) {
    this.#say = say;
    this.#orders = orders;
  }

  loading(): void {
    this.#show(element('span', { class: 'turn' }), element('p', { role: 'status' }, this.#say('loading')));
  }

  /** `refused` is for good, and its reason is in the console; anything else can be tried again. */
  failed(refused: boolean): void {
    const words = element('p', { role: 'alert' }, this.#say(refused ? 'refused' : 'unreachable'));
    if (refused) return this.#show(words);
    this.#show(words, button(this.#say('retry'), 'again', () => this.#orders.again()));
  }

  done(): void {
    this.root.hidden = true;
  }

  focus(): void {
    this.root.querySelector('button')?.focus();
  }

  #show(...parts: readonly Node[]): void {
    const within = this.root.getRootNode();
    const held = within instanceof ShadowRoot && this.root.contains(within.activeElement);
    this.root.replaceChildren(...parts, button(this.#say('close'), 'shut-panel', () => this.#orders.close()));
    this.root.hidden = false;
    // A keyboard that was on a button before is not left behind.
    if (held) this.focus();
  }
}
