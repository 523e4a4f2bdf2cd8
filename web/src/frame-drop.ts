/** Files that are dragged over the chat, or pasted: shows where they can be dropped, and takes them. */

import { element } from './element';

export class Drop {
  readonly root: HTMLElement;

  constructor(words: string, take: (files: readonly File[]) => void) {
    this.root = element('div', { class: 'drop', 'aria-hidden': 'true', hidden: true }, element('p', {}, words));
    addEventListener('dragenter', (event) => this.#over(event));
    addEventListener('dragover', (event) => this.#over(event));
    addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) this.root.hidden = true;
    });
    addEventListener('drop', (event) => {
      this.root.hidden = true;
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      take(files);
    });
    addEventListener('paste', (event) => {
      const { clipboardData } = event;
      const files = [...(clipboardData?.files ?? [])];
      // Words that were copied from an office program come with a picture of them.
      if (files.length === 0 || clipboardData?.types.includes('text/plain')) return;
      event.preventDefault();
      take(files);
    });
  }

  #over(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes('Files')) return;
    // Without this the browser would open the file in place of the chat.
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    this.root.hidden = false;
  }
}
