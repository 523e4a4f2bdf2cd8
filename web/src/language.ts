/**
 * Which language the page speaks: what its address says (`?lang=`), else what was chosen here
 * before, else what the browser prefers. Fills in the words of the page's own HTML.
 */

import { CATALOGUES } from './words';
import type { Key, Language } from './words';

const REMEMBERED_AS = 'warmline-language';

function isLanguage(code: string | null): code is Language {
  return code !== null && Object.hasOwn(CATALOGUES, code);
}

function choose(): Language {
  const asked = new URLSearchParams(location.search).get('lang');
  if (isLanguage(asked)) {
    localStorage.setItem(REMEMBERED_AS, asked);
    return asked;
  }
  const remembered = localStorage.getItem(REMEMBERED_AS);
  if (isLanguage(remembered)) return remembered;
  const preferred = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return preferred.find(isLanguage) ?? 'en';
}

export const language: Language = choose();

/** As Web Chat and the browser's own formats want it. */
export const locale = language === 'de' ? 'de-DE' : 'en-US';

document.documentElement.lang = language;

/** The words of a key, with the values that they name. */
export function say(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  return CATALOGUES[language][key].replace(/\{(\w+)\}/g, (all, name: string) =>
    String(values[name] ?? all),
  );
}

/** Whether there are words for a key that was put together from something that came from outside. */
export function isKey(key: string): key is Key {
  return Object.hasOwn(CATALOGUES.en, key);
}

/** Fills in every element that names its words: `data-words` its text, `data-label` its label. */
export function fillIn(root: ParentNode): void {
  for (const target of root.querySelectorAll<HTMLElement>('[data-words]')) {
    const key = target.dataset['words'] ?? '';
    if (isKey(key)) target.textContent = say(key);
  }
  for (const target of root.querySelectorAll<HTMLElement>('[data-label]')) {
    const key = target.dataset['label'] ?? '';
    if (isKey(key)) target.setAttribute('aria-label', say(key));
  }
}

/** Shows the page in another language. The conversation outlives it: it is kept for the tab. */
export function speak(other: Language): void {
  localStorage.setItem(REMEMBERED_AS, other);
  const address = new URL(location.href);
  address.searchParams.set('lang', other);
  location.assign(address);
}

const seconds = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const few = new Intl.NumberFormat(locale, { maximumFractionDigits: 1, maximumSignificantDigits: 2 });

/** A clock that runs, in whole seconds. */
export function clockSpan(ms: number): string {
  return `${Math.floor(ms / 1000)} s`;
}

/** A span of time in the unit that suits it. */
export function span(ms: number): string {
  return ms < 500 ? `${few.format(ms)} ms` : `${seconds.format(ms / 1000)} s`;
}
