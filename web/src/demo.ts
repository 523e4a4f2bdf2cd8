/**
 * The demo page: Web Chat as the user beside the agent's desk. Owns the header's suggestions, the
 * switch between the two sides on a narrow screen, and what is said about the connection.
 */

import './style.css';
import { UserChat } from './chat';
import type { Connection } from './chat';
import { mountDesk } from './desk';
import { byId, element, setText } from './element';

type Side = 'user' | 'desk';

interface Words {
  readonly chip: string;
  readonly tone: 'good' | 'bad' | 'busy';
  readonly notice: string;
}

const WORDS: Readonly<Record<Connection, Words>> = {
  connecting: { chip: 'connecting', tone: 'busy', notice: '' },
  online: { chip: 'connected', tone: 'good', notice: '' },
  reconnecting: {
    chip: 'connection lost',
    tone: 'bad',
    notice:
      'The gateway is gone. Web Chat looks for it by itself, first within 15 seconds, and goes on where it was. What the desk sends before the gateway is back is fetched from ServiceNow then, and shown in its place.',
  },
  expired: {
    chip: 'expired',
    tone: 'bad',
    notice: 'The token of this conversation has expired. “Start over” begins a new one.',
  },
  failed: {
    chip: 'not connected',
    tone: 'bad',
    notice: 'Web Chat could not connect. Reload the page to try again, or start over.',
  },
  ended: {
    chip: 'over',
    tone: 'bad',
    notice: 'The gateway no longer knows this conversation. “Start over” begins a new one.',
  },
};

const chat = new UserChat(byId('web-chat'), (connection) => say(WORDS[connection]));

function say(words: Words): void {
  const chip = byId('chat-status');
  chip.dataset['tone'] = words.tone;
  setText(chip, words.chip);
  const notice = byId('chat-notice');
  setText(notice, words.notice);
  notice.hidden = words.notice === '';
}

/** On a narrow screen one side is seen at a time; on a wide one this changes nothing. */
function show(side: Side): void {
  const sides = document.querySelector<HTMLElement>('.sides');
  if (sides) sides.dataset['showing'] = side;
  for (const tab of document.querySelectorAll<HTMLElement>('.switch [data-side]')) {
    tab.setAttribute('aria-pressed', String(tab.dataset['side'] === side));
  }
}

function showWaiting(offered: number): void {
  document.title = offered > 0 ? `(${offered}) Warmline demo` : 'Warmline demo';
  const count = document.querySelector<HTMLElement>('.switch-count');
  if (!count) return;
  count.hidden = offered === 0;
  count.replaceChildren(String(offered), element('span', { class: 'unseen' }, ' waiting'));
}

for (const tab of document.querySelectorAll<HTMLElement>('.switch [data-side]')) {
  tab.addEventListener('click', () => show(tab.dataset['side'] === 'desk' ? 'desk' : 'user'));
}
for (const suggestion of document.querySelectorAll<HTMLElement>('[data-say]')) {
  suggestion.addEventListener('click', () => {
    show('user');
    chat.say(suggestion.dataset['say'] ?? '');
  });
}
byId('start-over').addEventListener('click', () => chat.startOver());
const desk = mountDesk(byId('desk'), showWaiting);
document.querySelector('[data-go]')?.addEventListener('click', () => {
  show('desk');
  desk.goToOffered();
});
chat.open().catch((error: unknown) => {
  const words = error instanceof Error ? error.message : String(error);
  say({ ...WORDS.failed, notice: `${words} Reload the page to try again.` });
});
