/** Handing a chat over: to another agent, or to a queue; by name where the instance lists neither. */

import type { Chat, DeskState, Receiver } from './desk-api';
import { button, element } from './element';
import { say } from './language';

export class Transfer {
  /** Opens and closes the form. */
  readonly toggle: HTMLButtonElement;
  readonly root: HTMLFormElement;
  readonly #list = element('select', { 'aria-label': say('desk.transfer.to') });
  readonly #name = element('input', {
    type: 'text', 'aria-label': say('desk.transfer.name'), maxlength: '100', autocomplete: 'off',
    placeholder: say('desk.transfer.name'),
  });
  #offered = '';

  constructor(hand: (receiver: Receiver) => void) {
    this.toggle = button(say('desk.transfer'), 'quiet', () => this.#open(this.root.hidden !== false));
    const go = element('button', { type: 'submit', class: 'primary' }, say('desk.transfer.go'));
    const cancel = button(say('desk.transfer.cancel'), 'quiet', () => this.#open(false));
    this.root = element(
      'form',
      { class: 'transfer', id: 'desk-transfer', hidden: true, 'aria-label': say('desk.transfer') },
      element('span', { class: 'transfer-to' }, say('desk.transfer.to')),
      this.#list, this.#name, go, cancel,
    );
    this.toggle.setAttribute('aria-controls', this.root.id);
    this.toggle.setAttribute('aria-expanded', 'false');
    this.root.addEventListener('submit', (event) => {
      event.preventDefault();
      const receiver = this.#receiver();
      if (!receiver) return;
      hand(receiver);
      this.#open(false);
    });
    this.root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#open(false);
    });
  }

  show(state: DeskState, chat: Chat, acting: string | null): void {
    const live = chat.state === 'live';
    this.toggle.hidden = !live;
    if (!live) this.root.hidden = true;
    const agents = (state.agents ?? []).filter(({ id }) => id !== (chat.agent?.id ?? acting));
    const queues = state.queues ?? [];
    this.#list.hidden = agents.length + queues.length === 0;
    this.#name.hidden = !this.#list.hidden;
    const offered = JSON.stringify([agents.map(({ id, state: is }) => [id, is]), queues.map(({ id }) => id)]);
    if (offered === this.#offered) return;
    this.#offered = offered;
    const chosen = this.#list.value;
    const people = agents.map(({ id, name, state: is }) =>
      element('option', { value: `to:${id}` }, `${name} (${say(`desk.state.${is}`)})`),
    );
    const lines = queues.map(({ id, name }) => element('option', { value: `queue:${id}` }, name));
    this.#list.replaceChildren(
      ...(people.length === 0 ? [] : [element('optgroup', { label: say('desk.transfer.agents') }, ...people)]),
      ...(lines.length === 0 ? [] : [element('optgroup', { label: say('desk.transfer.queues') }, ...lines)]),
    );
    if ([...this.#list.options].some(({ value }) => value === chosen)) this.#list.value = chosen;
  }

  #receiver(): Receiver | null {
    if (this.#list.hidden) {
      const to = this.#name.value.trim();
      return to === '' ? null : { to };
    }
    const value = this.#list.value;
    if (value.startsWith('queue:')) return { queue: value.slice('queue:'.length) };
    return value === '' ? null : { to: value.slice('to:'.length) };
  }

  #open(yes: boolean): void {
    this.root.hidden = !yes;
    this.toggle.setAttribute('aria-expanded', String(yes));
    if (yes) (this.#list.hidden ? this.#name : this.#list).focus();
    else this.toggle.focus();
  }
}
