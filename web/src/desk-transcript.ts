/**
 * What was said in one chat. Adds the lines that are new and leaves the others alone, so that a
 * screen reader announces a new line once and a selection of text survives.
 */

import type { Chat, Line } from './desk-api';
import { element, setText } from './element';
import { locale, say } from './language';

/** Who speaks, when the desk gives no name. */
const SPEAKER = {
  user: say('desk.speaker.user'),
  agent: say('desk.speaker.agent'),
  bot: say('desk.speaker.bot'),
  system: '',
} as const;

/** A reader within this many pixels of the end is following, and the view follows too. */
const FOLLOW_WITHIN_PX = 48;

const TIME = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });

export class Transcript {
  readonly root: HTMLElement;
  readonly #log: HTMLElement;
  readonly #typing = element('p', { class: 'typing', role: 'status' });
  #following = true;
  #chat: string | null = null;
  #shown: readonly Line[] = [];

  constructor() {
    this.#log = element('div', {
      class: 'log',
      role: 'log',
      'aria-label': say('desk.transcript'),
      'aria-live': 'polite',
      tabindex: '0',
    });
    this.root = element('div', { class: 'transcript' }, this.#log, this.#typing);
    this.#log.addEventListener('scroll', () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#log;
      this.#following = scrollHeight - scrollTop - clientHeight < FOLLOW_WITHIN_PX;
    });
    // Also when the side is shown at last, or something above opens and takes room.
    new ResizeObserver(() => this.#follow()).observe(this.#log);
  }

  show(chat: Chat): void {
    const another = chat.id !== this.#chat;
    const changed = this.#shown.some((line, i) => chat.lines[i]?.text !== line.text);
    if (another || changed) this.#clear(chat.id);
    if (another) this.#following = true;
    // A whole chat that opens is not news; only what is said from now on is read out.
    this.#log.setAttribute('aria-live', another ? 'off' : 'polite');
    for (const line of chat.lines.slice(this.#shown.length)) this.#add(line);
    setText(this.#typing, chat.userTyping && chat.state === 'live' ? say('desk.typing') : '');
    this.#follow();
  }

  #follow(): void {
    if (this.#following) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #clear(chat: string): void {
    this.#log.replaceChildren();
    this.#chat = chat;
    this.#shown = [];
  }

  #add(line: Line): void {
    const text = element('p', { class: 'said' }, line.text);
    const shown = element('div', { class: `line line-${line.from}` }, text);
    if (line.from !== 'system') {
      const before = this.#shown.at(-1);
      const goesOn = before?.from === line.from && before.name === line.name;
      const who = element('span', { class: 'who' }, line.name || SPEAKER[line.from]);
      const at = new Date(line.at);
      const time = element('time', { datetime: at.toISOString() }, TIME.format(at));
      const head = element('p', { class: goesOn ? 'said-by unseen' : 'said-by' }, who, ' ', time);
      shown.prepend(head);
    }
    this.#log.append(shown);
    this.#shown = [...this.#shown, line];
  }
}
