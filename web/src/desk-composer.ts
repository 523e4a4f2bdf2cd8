/**
 * The box an agent writes in: Enter sends, Shift+Enter breaks the line, and the desk is told while
 * the agent types. Lines leave in the order they were written, one at a time; a line that was not
 * taken comes back into the box.
 */

import type { Chat } from './desk-api';
import { Extras } from './desk-extras';
import type { ExtraActions } from './desk-extras';
import { button, element } from './element';
import { say } from './language';
import type { Key } from './words';

export interface ComposerActions extends ExtraActions {
  readonly write: (chat: string, text: string) => Promise<void>;
  readonly typing: (chat: string, on: boolean) => Promise<void>;
}

/** "Still typing" is told at most this often; the desk forgets it a little later by itself. */
const TELL_EVERY_MS = 3_000;

/** After this long without a key the agent is no longer typing. */
const IDLE_AFTER_MS = 4_000;

/** What an agent says in nearly every chat: the button's word, and the reply it puts into the box. */
const CANNED: readonly (readonly [Key, Key])[] = [
  ['desk.canned.hello.short', 'desk.canned.hello'],
  ['desk.canned.moment.short', 'desk.canned.moment'],
  ['desk.canned.done.short', 'desk.canned.done'],
  ['desk.canned.bye.short', 'desk.canned.bye'],
];

export class Composer {
  readonly root: HTMLFormElement;
  readonly #box: HTMLTextAreaElement;
  readonly #actions: ComposerActions;
  readonly #extras: Extras;
  readonly #drafts = new Map<string, string>();
  #chat: string | null = null;
  #name = '';
  #queue: Promise<void> = Promise.resolve();
  #toldAt: number | null = null;
  #idle: number | undefined;

  constructor(actions: ComposerActions) {
    this.#actions = actions;
    this.#box = element('textarea', {
      rows: '1',
      'aria-label': say('desk.message'),
      placeholder: say('desk.placeholder'),
      autocomplete: 'off',
      maxlength: '4000',
    });
    const send = element('button', { type: 'submit', class: 'primary' }, say('desk.send'));
    const prepared = element('div', {
      class: 'canned', role: 'group', 'aria-label': say('desk.canned'),
    });
    for (const [short, whole] of CANNED) {
      prepared.append(button(say(short), 'canned-one', () => this.#prepare(whole)));
    }
    this.#extras = new Extras(actions);
    prepared.append(this.#extras.root);
    const row = element('div', { class: 'composer-row' }, this.#box, send);
    this.root = element('form', { class: 'composer' }, prepared, row);
    this.root.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#box.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#send();
      }
    });
    this.#box.addEventListener('input', () => this.#typed());
  }

  /** Each chat has its own draft, so that switching cannot send a sentence to the wrong person. */
  show(shown: Chat, agentName: string): void {
    const chat = shown.id;
    this.#name = agentName;
    this.#extras.show(shown);
    if (chat === this.#chat) return;
    this.#stopTyping();
    if (this.#chat !== null) this.#drafts.set(this.#chat, this.#box.value);
    this.#chat = chat;
    this.#box.value = this.#drafts.get(chat) ?? '';
  }

  /** True while a sentence is begun: then the desk does not switch chats by itself. */
  get busy(): boolean {
    return this.#box.value !== '';
  }

  focus(): void {
    this.#box.focus();
  }

  /** A reply is put where it can be read and changed before it is sent. */
  #prepare(reply: Key): void {
    const words = say(reply, { name: this.#name });
    const begun = this.#box.value.trimEnd();
    this.#box.value = begun === '' ? words : `${begun} ${words}`;
    this.#typed();
    this.#box.focus();
  }

  #send(): void {
    const chat = this.#chat;
    const text = this.#box.value.trim();
    if (chat === null || text === '') return;
    this.#box.value = '';
    this.#stopTyping();
    this.#queue = this.#queue.then(() => this.#actions.write(chat, text)).catch((error: unknown) => {
      this.#actions.failed(error);
      this.#giveBack(chat, text);
    });
  }

  #giveBack(chat: string, text: string): void {
    const join = (draft: string) => (draft === '' ? text : `${text}\n${draft}`);
    if (chat === this.#chat) this.#box.value = join(this.#box.value);
    else this.#drafts.set(chat, join(this.#drafts.get(chat) ?? ''));
  }

  #typed(): void {
    if (this.#chat === null) return;
    if (this.#box.value === '') return this.#stopTyping();
    clearTimeout(this.#idle);
    this.#idle = window.setTimeout(() => this.#stopTyping(), IDLE_AFTER_MS);
    const now = performance.now();
    if (this.#toldAt === null || now - this.#toldAt >= TELL_EVERY_MS) {
      this.#toldAt = now;
      this.#tell(this.#chat, true);
    }
  }

  #stopTyping(): void {
    clearTimeout(this.#idle);
    if (this.#toldAt === null || this.#chat === null) return;
    this.#toldAt = null;
    this.#tell(this.#chat, false);
  }

  /** A lost typing signal harms nobody, and a chat may have ended meanwhile: errors are not shown. */
  #tell(chat: string, on: boolean): void {
    this.#queue = this.#queue.then(() => this.#actions.typing(chat, on)).catch(() => undefined);
  }
}
