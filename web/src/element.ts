/**
 * Builds page elements. Text given here always becomes a text node, so that nothing a user, an agent
 * or a desk says can turn into markup; there is no other way in this folder to put text on a page.
 */

type Attributes = Readonly<Record<string, string | boolean>>;

/** An element with its attributes (`true` is an empty attribute, `false` leaves it out) and content. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...content: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...content);
  return made;
}

/** A button that does something here and never submits a form. */
export function button(label: string, className: string, press: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', class: className }, label);
  made.addEventListener('click', press);
  return made;
}

/** The element with this id, which the page's own HTML contains. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element with the id ${id}`);
  return found;
}

/** Sets the text only when it differs: setting it again makes screen readers repeat live regions. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
