/**
 * Pictures that cannot be loaded. A browser draws a torn sheet in a large empty frame; here their words
 * stand there instead, and that they could not be loaded.
 */

import type { ChatSay } from './chat-words';
import { element } from './element';

/** Watches all pictures that are shown in `place`, also those to come. */
export function watchPictures(place: HTMLElement, say: ChatSay): void {
  // These events do not bubble, but they are caught on their way down.
  const watch = (name: 'error' | 'load', then: (picture: HTMLImageElement) => void) =>
    place.addEventListener(name, ({ target }) => target instanceof HTMLImageElement && then(target), { capture: true });
  watch('error', (picture) => {
    noteOf(picture)?.remove();
    picture.hidden = true;
    const name = picture.alt.trim();
    const words = name === '' ? say('picture.missing.unnamed') : say('picture.missing', { name });
    frameOf(picture).after(element('span', { class: 'no-picture' }, words));
  });
  // Another one may come in its place, as the gateway's in that of the user's own.
  watch('load', (picture) => {
    noteOf(picture)?.remove();
    picture.hidden = false;
  });
}

/** What the words stand behind: an Adaptive Card then empties what is around its picture. */
function frameOf(picture: HTMLImageElement): Element {
  return (picture.matches('.ac-image') ? picture.parentElement : null) ?? picture;
}

function noteOf(picture: HTMLImageElement): Element | null {
  const next = frameOf(picture).nextElementSibling;
  return next?.classList.contains('no-picture') ? next : null;
}
