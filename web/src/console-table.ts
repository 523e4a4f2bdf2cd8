/**
 * Tables that become cards on a narrow screen. The roles are written out, because a table that is not
 * laid out as one is none to a screen reader otherwise.
 */

import { element, setText } from './element';

export class Table<Item> {
  readonly root: HTMLElement;
  readonly #columns: readonly string[];
  readonly #body = element('tbody', { role: 'rowgroup' });
  readonly #table: HTMLTableElement;
  readonly #empty: HTMLElement;
  readonly #key: (item: Item) => string;
  readonly #cells: (item: Item) => readonly (Node | string)[];
  readonly #rows = new Map<string, { readonly row: HTMLElement; drawn: string }>();

  constructor(
    label: string,
    columns: readonly string[],
    empty: string,
    key: (item: Item) => string,
    cells: (item: Item) => readonly (Node | string)[],
  ) {
    this.#columns = columns;
    this.#key = key;
    this.#cells = cells;
    this.#empty = element('p', { class: 'empty' }, empty);
    const heads = columns.map((name) => element('th', { scope: 'col', role: 'columnheader' }, name));
    this.#table = element(
      'table',
      { role: 'table', 'aria-label': label, hidden: true },
      element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads)),
      this.#body,
    );
    this.root = element('div', { class: 'table' }, this.#empty, this.#table);
  }

  /** `empty` is what is said when there is nothing. */
  show(items: readonly Item[], empty?: string): void {
    if (empty !== undefined) setText(this.#empty, empty);
    this.#empty.hidden = items.length > 0;
    this.#table.hidden = items.length === 0;
    const held = document.activeElement;
    const gone = new Set(this.#rows.keys());
    let before: Element | null = this.#body.firstElementChild;
    for (const item of items) {
      const key = this.#key(item);
      gone.delete(key);
      const known = this.#rows.get(key) ?? { row: element('tr', { role: 'row' }), drawn: '' };
      this.#rows.set(key, known);
      // A row that says the same is left alone: whoever is in it with the keyboard stays there.
      const drawn = JSON.stringify(item);
      if (drawn !== known.drawn) {
        known.drawn = drawn;
        this.#draw(known.row, item);
      }
      if (known.row === before) before = before.nextElementSibling;
      else this.#body.insertBefore(known.row, before);
    }
    for (const key of gone) {
      this.#rows.get(key)?.row.remove();
      this.#rows.delete(key);
    }
    // The button that was pressed may be gone with its row; do not throw the keyboard to the top.
    if (held instanceof HTMLElement && held !== document.body && !held.isConnected) this.focus();
  }

  focus(): void {
    const first = this.#body.querySelector<HTMLElement>('button:not([disabled])');
    if (first) return first.focus();
    this.#empty.tabIndex = -1;
    this.#empty.focus();
  }

  #draw(row: HTMLElement, item: Item): void {
    const place = [...row.querySelectorAll('button')].findIndex((one) => one === document.activeElement);
    const cells = this.#cells(item).map((content, at) =>
      element('td', { role: 'cell', 'data-label': this.#columns[at] ?? '' }, content),
    );
    row.replaceChildren(...cells);
    if (place >= 0) row.querySelectorAll('button')[place]?.focus();
  }
}
