/**
 * The files that go with the next words: a bar over the box with their names, and a button that takes
 * each back. Web Chat keeps them and shows no more than a dot on its clip.
 */

import { button, element, setText } from './element';
import { Teller } from './frame-things';
import type { Store, StoreMiddleware, Waiting } from './web-chat';
import { icon } from './widget-skin';
import type { Say } from './widget-words';

const SET = 'WEB_CHAT/SET_SEND_BOX_ATTACHMENTS';

/** From here on a size is told in the next larger unit. */
const UNITS = [[1_000_000, 'megabyte'], [1_000, 'kilobyte'], [1, 'byte']] as const;

export class Files {
  readonly #teller = new Teller();
  /** What a screen reader is told of them. */
  readonly news = this.#teller.root;
  readonly #say: Say;
  readonly #locale: string;
  readonly #leave: () => void;
  readonly #count = element('p', { class: 'files-count', id: 'files-count' });
  readonly #list = element('ul', { 'aria-labelledby': 'files-count' });
  readonly #bar = element('div', { class: 'files', hidden: true }, this.#count, this.#list);
  #store: Store | null = null;
  #shown: readonly Waiting[] = [];

  /** `leave` is called when the last of them is gone, and the keyboard was on it. */
  constructor(say: Say, locale: string, leave: () => void) {
    this.#say = say;
    this.#locale = locale;
    this.#leave = leave;
  }

  /** They wait in this store; `place` is where Web Chat has its box, which it may make anew. */
  show(store: Store, place: HTMLElement): void {
    this.#store = store;
    const box = place.querySelector('.webchat__send-box__main');
    if (box && this.#bar.nextElementSibling !== box) box.before(this.#bar);
    const files = store.getState().sendBoxAttachments ?? [];
    if (files === this.#shown) return;
    const added = files.filter((file) => !this.#shown.includes(file));
    this.#shown = files;
    this.#draw();
    if (added.length > 0) this.#tell('files.added', added);
  }

  /** Puts these to the ones that wait; `adding` keeps those. */
  add(files: readonly File[]): void {
    this.#set(files.map((file) => ({ blob: file, thumbnailURL: pictureOf(file) })));
  }

  #remove(file: Waiting): void {
    this.#set(this.#shown.filter((other) => other !== file));
    if (file.thumbnailURL) URL.revokeObjectURL(file.thumbnailURL.href);
    this.#tell('files.removed', [file]);
  }

  #set(attachments: readonly Waiting[]): void {
    this.#store?.dispatch({ type: SET, payload: { attachments } });
  }

  #tell(key: 'files.added' | 'files.removed', files: readonly Waiting[]): void {
    const names = files.map((file) => this.#name(file)).join(', ');
    this.#teller.tell([this.#say(key, { names }), this.#counted()].filter(Boolean).join(' '));
  }

  #draw(): void {
    const at = [...this.#list.children].findIndex((one) => one.contains(document.activeElement));
    this.#bar.hidden = this.#shown.length === 0;
    setText(this.#count, this.#counted());
    this.#list.replaceChildren(...this.#shown.map((file) => this.#line(file)));
    if (at === -1) return;
    const next = this.#list.children[Math.min(at, this.#shown.length - 1)]?.querySelector('button');
    if (next) next.focus();
    else this.#leave();
  }

  #counted(): string {
    const count = this.#shown.length;
    return count === 0 ? '' : count === 1 ? this.#say('files.one') : this.#say('files', { count });
  }

  #line(file: Waiting): HTMLElement {
    const name = this.#name(file);
    const remove = button('', 'file-remove', () => this.#remove(file));
    const label = this.#say('files.remove', { name });
    remove.setAttribute('aria-label', label);
    remove.title = label;
    remove.append(icon('', 'M7 7l10 10M17 7L7 17'));
    const size = element('span', { class: 'file-size' }, this.#size(file.blob.size));
    return element('li', {}, element('span', { class: 'file-name', title: name }, name), size, remove);
  }

  #name({ blob }: Waiting): string {
    return blob instanceof File && blob.name !== '' ? blob.name : this.#say('kind.file');
  }

  #size(bytes: number): string {
    const [each, unit] = UNITS.find(([from]) => bytes >= from) ?? UNITS[2];
    const shape = { maximumFractionDigits: each === 1_000_000 ? 1 : 0, unitDisplay: each === 1 ? 'long' : 'short' } as const;
    return new Intl.NumberFormat(this.#locale, { style: 'unit', unit, ...shape }).format(bytes / each);
  }
}

/** Web Chat's clip puts what is chosen in the place of what waits; with this it comes behind it. */
export const adding: StoreMiddleware = ({ getState }) => (next) => (action) => {
  if (action.type !== SET) return next(action);
  const { attachments } = action.payload as { attachments: readonly Waiting[] };
  const waiting = getState().sendBoxAttachments ?? [];
  const isNew = attachments.length > 0 && !attachments.some((one) => waiting.includes(one));
  return next(isNew ? { ...action, payload: { attachments: [...waiting, ...attachments] } } : action);
};

/** A file that was taken back can be chosen again: a browser tells a page only of what is another one. */
export function forgetChosen({ target }: Event): void {
  if (target instanceof HTMLInputElement && target.type === 'file') target.value = '';
}

function pictureOf(file: File): URL | undefined {
  return file.type.startsWith('image/') ? new URL(URL.createObjectURL(file)) : undefined;
}
