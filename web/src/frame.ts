/**
 * The chat in the widget's frame: greets the page around it, gets a token, and shows Web Chat with what
 * a live chat needs around it. It keeps nothing itself; what is to be remembered is told to the page.
 */

import './frame.css';
import { Chat } from './frame-chat';
import { HELLO, WELCOME } from './widget-wire';
import type { FromPage, Welcome } from './widget-wire';

/** The page around says who it is by its answer; only the first one counts. */
function greeted(event: MessageEvent): void {
  const { data, source, origin, ports } = event;
  const port = ports[0];
  if (source !== parent || !port || (data as { kind?: unknown } | null)?.kind !== WELCOME) return;
  removeEventListener('message', greeted);
  const chat = new Chat(data as Welcome, origin, (told) => port.postMessage(told));
  port.addEventListener('message', ({ data: told }) => chat.heard(told as FromPage));
  port.start();
  void chat.open();
}

if (parent !== window) {
  addEventListener('message', greeted);
  // Nothing in it is anybody's secret.
  parent.postMessage({ kind: HELLO }, '*');
}
