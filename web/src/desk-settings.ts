/** What can be changed about the simulated instance: who answers, how it speaks, whether it is up. */

import type { DeskState, Dialect, Mode, Settings } from './desk-api';
import { button, element } from './element';
import { say } from './language';

const MODES: readonly [Mode, string][] = [
  ['person', say('desk.mode.person')],
  ['scripted', say('desk.mode.scripted')],
  ['nobody', say('desk.mode.nobody')],
];

const DIALECTS: readonly [Dialect, string][] = [
  ['servicenow', say('desk.dialect.servicenow')],
  ['spec', say('desk.dialect.spec')],
  ['both', say('desk.dialect.both')],
];

export class DeskSettings {
  /** Opens and closes the fields; they stand apart, so that the bar above keeps its shape. */
  readonly toggle: HTMLButtonElement;
  readonly root: HTMLElement;
  readonly #mode: HTMLSelectElement;
  readonly #dialect: HTMLSelectElement;
  readonly #down: HTMLInputElement;

  constructor(change: (settings: Settings) => void) {
    this.#mode = choice(MODES, (mode) => change({ mode }));
    this.#dialect = choice(DIALECTS, (dialect) => change({ dialect }));
    this.#down = element('input', { type: 'checkbox' });
    this.#down.addEventListener('change', () => change({ down: this.#down.checked }));
    this.root = element(
      'div',
      { class: 'settings', id: 'desk-settings', role: 'group', 'aria-label': say('desk.settings'), hidden: true },
      element('label', {}, element('span', {}, say('desk.settings.mode')), this.#mode),
      element('label', {}, element('span', {}, say('desk.settings.dialect')), this.#dialect),
      element('label', { class: 'check' }, this.#down, say('desk.settings.down')),
    );
    this.toggle = button(say('desk.settings'), 'quiet settings-toggle', () => this.#open(this.root.hidden !== false));
    this.toggle.setAttribute('aria-controls', this.root.id);
    this.#open(false);
  }

  show(state: DeskState): void {
    this.#mode.value = state.agent.mode;
    this.#dialect.value = state.dialect;
    this.#down.checked = state.down;
  }

  #open(yes: boolean): void {
    this.root.hidden = !yes;
    this.toggle.setAttribute('aria-expanded', String(yes));
  }
}

function choice<Value extends string>(
  options: readonly [Value, string][],
  chosen: (value: Value) => void,
): HTMLSelectElement {
  const select = element('select');
  for (const [value, label] of options) select.append(element('option', { value }, label));
  select.addEventListener('change', () => chosen(select.value as Value));
  return select;
}
