/**
 * The script that a site puts on its pages (`/widget.js`): a bubble, and a panel that holds the chat.
 * The chat itself is a page of the gateway's own in a frame (`frame.ts`), which is loaded when it is
 * first opened, or when a live chat has to be gone on with.
 */

import { Memory } from './widget-kept';
import { Panel } from './widget-panel';
import { languageOf, speaker } from './widget-words';

/** What the site says on the script's own tag. */
interface Options {
  readonly base: string;
  readonly tokenUrl: string | null;
  readonly key: string | null;
  /** What lets the script in, where the page's content policy goes by that. */
  readonly nonce: string;
}

const TAG = 'warmline-chat';

function options(script: HTMLScriptElement): Options | null {
  const { tokenUrl = null, key = null } = script.dataset as { tokenUrl?: string; key?: string };
  if ((tokenUrl === null) === (key === null)) {
    console.error(
      'Warmline: give the script either data-token-url, the address of your own server that answers ' +
        'with a token, or data-key, the public key of your site.',
    );
    return null;
  }
  return { base: new URL('.', script.src).href, tokenUrl, key, nonce: script.nonce };
}

/** Answers a second tag of the same script, which some tag managers make. */
function isThere(): boolean {
  return document.querySelector(TAG) !== null || 'Warmline' in window;
}

function start(script: HTMLScriptElement): void {
  const given = options(script);
  if (given === null || isThere()) return;
  const { dataset } = script;
  const language = languageOf([dataset['lang'], document.documentElement.lang, ...navigator.languages]);
  const say = speaker(language);
  const host = document.createElement(TAG);
  host.lang = language;
  const theme = dataset['theme'];
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const paint = () => host.toggleAttribute('dark', theme === 'dark' || (theme !== 'light' && dark.matches));
  paint();
  if (dataset['side'] === 'left') host.setAttribute('side', 'left');
  const name = `warmline ${given.base} ${given.key ?? given.tokenUrl}`;
  let panel: Panel | null = null;
  const first = { sound: dataset['sound'] !== 'off' };
  const memory = new Memory(name, first, (now, before) => panel?.remembered(now, before));
  const here = new Panel({
    ...given, host, memory, language, say, name,
    title: dataset['title'] ?? say('title'),
    bubble: dataset['bubble'] !== 'off',
  });
  panel = here;
  dark.addEventListener('change', () => {
    paint();
    here.painted();
  });
  document.body.append(host);
  here.begin(dataset['open'] === 'true');
  // A site's own buttons, those included that are made later.
  document.addEventListener('click', (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const own = target?.closest<HTMLElement>('[data-warmline-open]');
    if (own) here.open(own);
  });
  Object.defineProperty(window, 'Warmline', {
    value: Object.freeze({
      open: () => here.open(),
      close: () => here.close(),
      toggle: () => (here.isOpen ? here.close() : here.open()),
      forget: () => here.forget(),
      repaint: () => here.painted(),
    }),
  });
  host.dispatchEvent(new CustomEvent('warmline-ready', { bubbles: true }));
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement && script.src) {
  if (document.body) start(script);
  else document.addEventListener('DOMContentLoaded', () => start(script), { once: true });
}
