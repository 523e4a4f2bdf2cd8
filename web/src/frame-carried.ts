/**
 * What the user wrote in a conversation that cannot be gone on with: what was not sent, and what stands
 * in the box. Brought into the conversation after it, where it is sent when that is there.
 */

import { hasFiles } from './refused';
import type { Store, Waiting } from './web-chat';

interface Unsent {
  readonly type?: string;
  readonly text?: string;
  readonly attachments?: readonly object[];
}

export class Carried {
  #unsent: readonly Unsent[];
  readonly #words: string;
  readonly #files: readonly Waiting[];

  /** Reads what stands in the box of `store`; `unsent` is what was not taken, the oldest first. */
  constructor(unsent: readonly object[], store: Store | null) {
    // What only answers a card means nothing elsewhere.
    this.#unsent = unsent.filter((one: Unsent) => one.type === 'message' && (Boolean(one.text) || hasFiles(one)));
    const { sendBoxValue, sendBoxAttachments } = store?.getState() ?? {};
    this.#words = sendBoxValue ?? '';
    this.#files = sendBoxAttachments ?? [];
  }

  /** Puts what stood in the box into this one. */
  begin(store: Store): void {
    if (this.#words !== '') store.dispatch({ type: 'WEB_CHAT/SET_SEND_BOX', payload: { text: this.#words } });
    const attachments = this.#files;
    if (attachments.length > 0) store.dispatch({ type: 'WEB_CHAT/SET_SEND_BOX_ATTACHMENTS', payload: { attachments } });
  }

  /** Sends what was not sent, once the conversation is there. */
  heard(store: Store): void {
    if (this.#unsent.length === 0 || store.getState().connectivityStatus !== 'connected') return;
    const unsent = this.#unsent;
    this.#unsent = [];
    // Not while the store tells of what it is.
    queueMicrotask(() => {
      for (const { text, attachments } of unsent) {
        const activity = { type: 'message', text, textFormat: 'plain', attachments: attachments ?? [], channelData: {} };
        store.dispatch({ type: 'DIRECT_LINE/POST_ACTIVITY', meta: { method: 'keyboard' }, payload: { activity } });
      }
    });
  }
}
