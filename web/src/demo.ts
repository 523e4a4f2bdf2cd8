/**
 * The demo page: Web Chat as the user, the agent's desk, and between them what happens. Puts the
 * parts together, switches between them on a narrow screen, and says how the connection is.
 */

import './style.css';
import './demo.css';
import './desk.css';
import { UserChat } from './chat';
import type { Connection } from './chat';
import { mountDesk } from './desk';
import type { DeskState } from './desk-api';
import { byId, element, setText } from './element';
import { Faults } from './faults';
import { forgetWhatWas, watch } from './feed-api';
import { fillIn, isKey, language, say, speak } from './language';
import { Ledger } from './ledger';
import { Strip } from './strip';
import { Way } from './way';
import { CATALOGUES, LANGUAGE_NAMES } from './words';
import type { Language } from './words';

const SIDES = ['user', 'way', 'desk'] as const;
type Side = (typeof SIDES)[number];

fillIn(document);
document.title = say('title.demo');

const ledger = new Ledger();
const strip = new Strip();
const way = new Way();
const faults = new Faults(ledger);
let deskState: DeskState | null = null;

const chat = new UserChat(byId('web-chat'), heard, (activities) => ledger.webChat(activities));

function heard(connection: Connection): void {
  const chip = byId('chat-status');
  chip.dataset['tone'] = { online: 'good', connecting: 'busy' }[connection as string] ?? 'bad';
  setText(chip, say(`chat.${connection}`));
  const key = `chat.${connection}.notice`;
  note(isKey(key) ? say(key) : '');
  way.user(connection === 'online');
  faults.online(connection === 'online');
}

function note(words: string): void {
  const notice = byId('chat-notice');
  setText(notice, words);
  notice.hidden = words === '';
}

/** On a narrow screen one part is seen at a time; on a wide one this changes nothing. */
function show(side: Side): void {
  byId('sides').dataset['showing'] = side;
  for (const one of SIDES) byId(`tab-${one}`).setAttribute('aria-pressed', String(one === side));
}

function showWaiting(offered: number): void {
  document.title = offered > 0 ? `(${offered}) ${say('title.demo')}` : say('title.demo');
  const count = byId('waiting-count');
  count.hidden = offered === 0;
  const words = say('side.waiting', { count: offered });
  count.replaceChildren(
    element('span', { 'aria-hidden': 'true' }, String(offered)),
    element('span', { class: 'unseen' }, words),
  );
}

function deskChanged(state: DeskState): void {
  deskState = state;
  ledger.desk(state.chats, chat.deskUserId);
  way.desk(state);
  faults.desk(state);
}

function offerLanguages(): void {
  for (const code of Object.keys(CATALOGUES) as Language[]) {
    const press = element(
      'button',
      { type: 'button', lang: code, 'aria-pressed': String(code === language), class: 'language' },
      element('span', { 'aria-hidden': 'true' }, code.toUpperCase()),
      element('span', { class: 'unseen' }, LANGUAGE_NAMES[code]),
    );
    press.addEventListener('click', () => speak(code));
    byId('languages').append(press);
  }
}

offerLanguages();
for (const side of SIDES) byId(`tab-${side}`).addEventListener('click', () => show(side));
for (const suggestion of document.querySelectorAll<HTMLElement>('[data-say]')) {
  suggestion.addEventListener('click', () => {
    show('user');
    chat.say(suggestion.dataset['say'] ?? '');
  });
}
byId('start-over').addEventListener('click', () => {
  forgetWhatWas();
  chat.startOver();
});
const desk = mountDesk(byId('desk'), showWaiting, deskChanged);
byId('try-accept').addEventListener('click', () => {
  show('desk');
  desk.goToOffered();
});
watch({
  passage(passage) {
    strip.passage(passage);
    way.passage(passage);
  },
  gateway(standing) {
    strip.gateway(standing);
    way.gateway(standing);
    faults.gateway(standing);
  },
  link: (link) => way.link(link),
  missed: (count) => strip.missed(count),
});
chat.open().then(
  () => {
    // The desk may have told of this user's chats before it was known who the user is.
    if (deskState) deskChanged(deskState);
  },
  (error: unknown) => {
    heard('failed');
    note(`${error instanceof Error ? error.message : String(error)} ${say('chat.failed.notice')}`);
  },
);
