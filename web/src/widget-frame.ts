/**
 * The frame on the site's page: names its site in the address, waits for its greeting, and holds the
 * channel to it. What is said on the channel is the business of `widget-panel.ts`.
 */

import { element } from './element';
import { HELLO } from './widget-wire';
import type { FromFrame, FromPage, Welcome } from './widget-wire';

/** A frame that has not greeted by then will not: it is blocked, or the gateway is away. */
const GREETS_WITHIN_MS = 20_000;

/**
 * A frame greets while it loads. One that has loaded and is silent is the browser's own page in place of
 * one that this page may not have, or that could not be got.
 */
const GREETS_AFTER_LOAD_MS = 1_000;

export interface FrameOrders {
  /** What the frame has to know at once. */
  welcome(): Welcome;
  greeted(): void;
  heard(told: FromFrame): void;
  /** It has not greeted in time; `loaded` says that something is in it. */
  late(loaded: boolean): void;
}

/** How the gateway knows the site: by its public key, or by the name that its tokens say. */
export type Named = { readonly key: string } | { readonly site: string };

export class Frame {
  readonly root: HTMLIFrameElement;
  readonly #origin: string;
  readonly #orders: FrameOrders;
  #late: number;
  readonly #listen = (event: MessageEvent) => this.#greeted(event);
  #port: MessagePort | null = null;

  constructor(base: string, named: Named, title: string, orders: FrameOrders) {
    const address = new URL('widget/frame', base);
    address.search = new URLSearchParams(named).toString();
    this.#origin = address.origin;
    this.#orders = orders;
    this.root = element('iframe', { src: address.href, title, allow: 'autoplay; clipboard-write' });
    this.#late = window.setTimeout(() => orders.late(false), GREETS_WITHIN_MS);
    this.root.addEventListener('load', () => {
      if (this.isThere) return;
      clearTimeout(this.#late);
      this.#late = window.setTimeout(() => orders.late(true), GREETS_AFTER_LOAD_MS);
    });
    addEventListener('message', this.#listen);
  }

  /** The chat in it can be spoken to. */
  get isThere(): boolean {
    return this.#port !== null;
  }

  send(told: FromPage): void {
    this.#port?.postMessage(told);
  }

  remove(): void {
    clearTimeout(this.#late);
    removeEventListener('message', this.#listen);
    this.#port?.close();
    this.root.remove();
  }

  /** It gets its end of the channel, and what it has to know. */
  #greeted(event: MessageEvent): void {
    const { contentWindow } = this.root;
    if (contentWindow === null || event.source !== contentWindow || event.origin !== this.#origin) return;
    if ((event.data as { kind?: unknown } | null)?.kind !== HELLO) return;
    clearTimeout(this.#late);
    this.#port?.close();
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.addEventListener('message', ({ data }) => this.#orders.heard(data as FromFrame));
    port1.start();
    contentWindow.postMessage(this.#orders.welcome(), this.#origin, [port2]);
    this.#orders.greeted();
  }
}
