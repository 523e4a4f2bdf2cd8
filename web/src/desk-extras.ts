/** What an agent can send besides words: a file, and each control that ServiceNow knows. */

import type { Chat } from './desk-api';
import { button, element, setText } from './element';
import { say } from './language';

export interface ExtraActions {
  readonly controls: () => Promise<readonly string[]>;
  readonly show: (chat: string, control: string) => Promise<void>;
  readonly file: (chat: string, file: File) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

export class Extras {
  readonly root: HTMLElement;
  readonly #actions: ExtraActions;
  readonly #picker: HTMLSelectElement;
  readonly #asked = element('p', { class: 'asked', role: 'status' });
  #chat: string | null = null;

  constructor(actions: ExtraActions) {
    this.#actions = actions;
    const input = element('input', { type: 'file', multiple: true, hidden: true });
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])];
      // The same file may be sent again.
      input.value = '';
      void this.#send(files);
    });
    const attach = button(say('desk.attach'), 'canned-one', () => input.click());
    this.#picker = element(
      'select',
      { class: 'canned-one', 'aria-label': say('desk.show') },
      element('option', { value: '' }, say('desk.show')),
    );
    this.#picker.addEventListener('change', () => this.#show());
    this.root = element('span', { class: 'extras' }, input, attach, this.#picker, this.#asked);
    actions.controls().then((names) => this.#offer(names), actions.failed);
  }

  /** Which chat it is for. While a question stands there, what is shown waits for its answer, and says so. */
  show({ id, asked, askedNext }: Chat): void {
    this.#chat = id;
    const count = askedNext ?? 0;
    const waits = count === 0 ? say('desk.asked') : say('desk.asked.next', { count });
    setText(this.#asked, asked ? waits : '');
  }

  #offer(names: readonly string[]): void {
    for (const name of names) {
      this.#picker.append(element('option', { value: name }, name.replaceAll('_', ' ')));
    }
  }

  #show(): void {
    const [chat, control] = [this.#chat, this.#picker.value];
    this.#picker.value = '';
    if (chat === null || control === '') return;
    this.#actions.show(chat, control).catch(this.#actions.failed);
  }

  /** One after the other, in the order in which they were chosen. */
  async #send(files: readonly File[]): Promise<void> {
    const chat = this.#chat;
    if (chat === null) return;
    try {
      for (const file of files) await this.#actions.file(chat, file);
    } catch (error) {
      this.#actions.failed(error);
    }
  }
}
