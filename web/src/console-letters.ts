/** What could not be delivered, and what can be done about it. */

import * as api from './console-api';
import { Table } from './console-table';
import * as words from './console-words';
import { button, element, setText } from './element';

interface Acts {
  act(order: Promise<void>, done: string): Promise<boolean>;
  open(session: string): void;
}

export class Letters {
  readonly root: HTMLElement;
  readonly #table: Table<api.Letter>;
  readonly #more = element('p', { class: 'quiet', hidden: true }, 'There are older ones; they show when these are dealt with.');
  readonly #acts: Acts;

  constructor(acts: Acts) {
    this.#acts = acts;
    this.#table = new Table<api.Letter>(
      'Dead letters',
      ['Number', 'Given up', 'What', 'Why', 'Session', 'What can be done'],
      'Loading.',
      (letter) => `${letter.id}`,
      (letter) => this.#cells(letter),
    );
    this.root = element(
      'section',
      { 'aria-labelledby': 'letters' },
      element('div', { class: 'head' }, element('h2', { id: 'letters' }, 'Dead letters')),
      this.#table.root,
      this.#more,
    );
  }

  async ask(): Promise<void> {
    const { letters, more } = await api.letters();
    this.#more.hidden = !more;
    this.#table.show(letters, 'There are no dead letters.');
  }

  #cells(letter: api.Letter): readonly (Node | string)[] {
    const where = letter.desk === undefined ? 'bot' : `desk ${letter.desk}`;
    const tried = `${letter.attempts} ${letter.attempts === 1 ? 'attempt' : 'attempts'}`;
    const what = element('span', {}, `${words.effect(letter.effect)}, to ${where}, ${tried}`);
    if (letter.request_id !== undefined) what.append(element('br'), element('code', {}, letter.request_id));
    const why = element('span', {}, element('strong', {}, words.plain(letter.reason)), ` ${letter.meaning}`);
    const session = letter.session;
    const open = session === undefined ? '–' : button(session.slice(-8), 'link', () => this.#acts.open(session));
    if (open instanceof HTMLElement) open.setAttribute('aria-label', `${open.textContent}: timeline of session ${session}`);
    return [`${letter.id}`, words.moment(letter.at), what, why, open, this.#orders(letter)];
  }

  #orders(letter: api.Letter): HTMLElement {
    const orders = element('div', { class: 'buttons' });
    const named = (label: string, press: () => void) => {
      const made = button(label, 'quiet', press);
      made.setAttribute('aria-label', `${label}: dead letter ${letter.id}`);
      return made;
    };
    const run = async (order: Promise<void>, done: string) => {
      for (const one of orders.querySelectorAll('button')) one.disabled = true;
      await this.#acts.act(order, done);
      for (const one of orders.querySelectorAll('button')) one.disabled = false;
    };
    const resend = named('Send again', () => void run(api.resend(letter.id), `Dead letter ${letter.id} is sent again.`));
    const drop = named('Drop', () => {
      // The second press means it.
      if (drop.dataset['sure'] === 'yes') {
        return void run(api.drop(letter.id), `Dead letter ${letter.id} was dropped.`);
      }
      drop.dataset['sure'] = 'yes';
      drop.setAttribute('aria-label', `Really drop dead letter ${letter.id}?`);
      setText(drop, 'Really drop?');
    });
    drop.addEventListener('blur', () => {
      delete drop.dataset['sure'];
      drop.setAttribute('aria-label', `Drop: dead letter ${letter.id}`);
      setText(drop, 'Drop');
    });
    if (letter.unsendable === undefined) orders.append(resend);
    orders.append(drop);
    if (letter.unsendable !== undefined) {
      orders.append(element('span', { class: 'quiet' }, `Cannot be sent again: ${letter.unsendable.message}.`));
    }
    return orders;
  }
}
