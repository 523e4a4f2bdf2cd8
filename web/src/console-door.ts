/** Signing in. */

import * as api from './console-api';
import { element, setText } from './element';

export class Door {
  readonly root: HTMLElement;
  readonly #name = element('input', {
    id: 'name',
    type: 'text',
    autocomplete: 'username',
    autocapitalize: 'none',
    spellcheck: 'false',
    placeholder: 'admin',
    'aria-describedby': 'door-trouble',
  });
  readonly #password = element('input', {
    id: 'password',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    'aria-describedby': 'door-trouble',
  });
  readonly #enter = element('button', { type: 'submit', class: 'primary' }, 'Sign in');
  readonly #trouble = element('p', { id: 'door-trouble', class: 'door-trouble', role: 'alert' });
  readonly #opened: () => void;

  constructor(opened: () => void) {
    this.#opened = opened;
    const form = element(
      'form',
      { class: 'door' },
      element('h1', {}, 'Warmline console'),
      element('p', { class: 'quiet' }, 'For the operators of this gateway.'),
      element('label', { for: 'name' }, 'Name'),
      this.#name,
      element('label', { for: 'password' }, 'Password'),
      this.#password,
      this.#trouble,
      this.#enter,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#signIn();
    });
    this.root = element('main', { class: 'door-page' }, form);
  }

  show(why: string): void {
    setText(this.#trouble, why);
    this.#password.focus();
  }

  async #signIn(): Promise<void> {
    if (this.#enter.disabled) return;
    this.#enter.disabled = true;
    setText(this.#enter, 'Signing in');
    setText(this.#trouble, '');
    try {
      await api.login(this.#name.value, this.#password.value);
      this.#password.value = '';
      this.#opened();
    } catch (error) {
      setText(this.#trouble, error instanceof Error ? error.message : String(error));
      this.#password.focus();
      this.#password.select();
    } finally {
      this.#enter.disabled = false;
      setText(this.#enter, 'Sign in');
    }
  }
}
