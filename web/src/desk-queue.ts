/**
 * The list of chats at the agent's desk: who waits, who is being talked to, who has left. Owns the
 * list and its order; which chat is open is decided by the desk.
 */

import type { Chat } from './desk-api';
import { element, setText } from './element';
import { say } from './language';

/** The order of the groups in the list. */
const RANK = { offered: 0, live: 1, ended: 2 } as const;

/** How a user is called at the desk: the e-mail address or the name where one is known, else the id. */
export function userName(chat: Chat): string {
  const named = chat.lines.find(({ from, name }) => from === 'user' && name && name !== chat.userId);
  return chat.emailId || named?.name || chat.userId || say('desk.unknown');
}

/** Says in a word or two where a chat stands; `nameOf` knows the agents by their ids. */
export function standing(chat: Chat, nameOf: (agent: string) => string = (id) => id): string {
  switch (chat.state) {
    case 'offered':
      if (chat.offer) return say('desk.standing.offer', { name: nameOf(chat.offer.agent) });
      return say('desk.standing.offered');
    case 'live':
      if (chat.agent?.name) return say('desk.standing.with', { name: chat.agent.name });
      return say('desk.standing.live');
    case 'ended':
      if (chat.endedBy) return say(`desk.standing.${chat.endedBy}`);
      if (chat.endReason) return say('desk.standing.reason', { reason: chat.endReason });
      return say('desk.standing.ended');
  }
}

/** Who waits longest comes first; of what is live or over, the latest. */
function inOrder(a: Chat, b: Chat): number {
  const oldestFirst = a.waitingSince - b.waitingSince;
  return RANK[a.state] - RANK[b.state] || (a.state === 'offered' ? oldestFirst : -oldestFirst);
}

/** Waiting time as a clock, for instance `1:07`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

interface Row {
  readonly item: HTMLLIElement;
  readonly open: HTMLButtonElement;
  readonly name: HTMLElement;
  readonly state: HTMLElement;
  readonly excerpt: HTMLElement;
}

export class Queue {
  readonly root: HTMLElement;
  readonly #list = element('ul', { class: 'queue-list' });
  readonly #empty = element('p', { class: 'queue-empty' });
  readonly #rows = new Map<string, Row>();
  readonly #open: (chat: string) => void;

  constructor(open: (chat: string) => void) {
    this.#open = open;
    this.root = element('nav', { class: 'queue', 'aria-label': say('desk.chats') }, this.#empty, this.#list);
  }

  /** Rows are kept, not made anew, so that the keyboard's place in the list survives an update. */
  show(
    chats: readonly Chat[],
    selected: string | null,
    empty: string,
    nameOf: (agent: string) => string,
  ): void {
    setText(this.#empty, empty);
    this.#empty.hidden = chats.length > 0;
    const sorted = chats.toSorted(inOrder);
    for (const [id, row] of this.#rows) {
      if (!chats.some((chat) => chat.id === id)) {
        row.item.remove();
        this.#rows.delete(id);
      }
    }
    sorted.forEach((chat, place) => {
      const row = this.#rows.get(chat.id) ?? this.#make(chat.id);
      this.#fill(row, chat, chat.id === selected, nameOf);
      // Moving an element drops its focus, so only move what is out of place.
      const there = this.#list.children[place];
      if (there !== row.item) this.#list.insertBefore(row.item, there ?? null);
    });
  }

  #make(id: string): Row {
    const name = element('span', { class: 'queue-name' });
    const state = element('span', { class: 'badge' });
    const excerpt = element('span', { class: 'queue-excerpt' });
    const open = element('button', { type: 'button', class: 'queue-open' }, name, state, excerpt);
    open.addEventListener('click', () => this.#open(id));
    const row = { item: element('li', {}, open), open, name, state, excerpt };
    this.#rows.set(id, row);
    return row;
  }

  #fill(row: Row, chat: Chat, selected: boolean, nameOf: (agent: string) => string): void {
    setText(row.name, userName(chat));
    row.name.title = userName(chat);
    setText(row.state, chat.state === 'ended' ? say('desk.standing.ended') : standing(chat, nameOf));
    row.state.dataset['state'] = chat.state;
    setText(row.excerpt, chat.lines.at(-1)?.text ?? '');
    row.open.setAttribute('aria-current', String(selected));
  }
}
