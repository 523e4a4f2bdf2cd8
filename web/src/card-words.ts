/** What a card says, in words: for those who see words only, as in a saved conversation. Pure. */

import type { Attachment } from './web-chat';

/** How deep a card is looked into; deeper than any that people draw. */
const DEPTH_MAX = 24;

/** What says something by itself, in the order in which it is drawn. */
const WORDS = ['title', 'subtitle', 'label', 'text'] as const;

/** What there is within, in the same order. */
const WITHIN = ['body', 'items', 'columns', 'rows', 'cells', 'facts', 'card'] as const;

/** The card line by line; empty if it says nothing. */
export function cardWords({ content }: Attachment): string {
  const drawn = lines(content, DEPTH_MAX);
  if (drawn.length > 0) return drawn.join('\n');
  // What it says where it cannot be drawn is better than nothing.
  return isObject(content) ? (word(content['fallbackText']) ?? word(content['speak']) ?? '') : '';
}

function lines(value: unknown, depth: number): readonly string[] {
  if (depth === 0) return [];
  if (Array.isArray(value)) return value.flatMap((one) => lines(one, depth - 1));
  if (!isObject(value) || value['isVisible'] === false) return [];
  const line = factOf(value) ?? runsOf(value['inlines']);
  if (line !== null) return [line];
  const own = WORDS.flatMap((name) => word(value[name]) ?? []);
  const within = WITHIN.flatMap((name) => lines(value[name], depth - 1));
  return value['type'] === 'TableRow' && within.length > 0 ? [within.join(' | ')] : [...own, ...within];
}

/** The runs of a rich text, which stand on one line. */
function runsOf(inlines: unknown): string | null {
  if (!Array.isArray(inlines)) return null;
  const runs = inlines.map((one: unknown) => (isObject(one) ? one['text'] : one));
  return word(runs.filter((run) => typeof run === 'string').join(''));
}

/** A name and its value: a fact of an adaptive card, a line of a receipt. */
function factOf(value: Readonly<Record<string, unknown>>): string | null {
  // What has a type may have a value that nobody sees, as a box to tick has.
  if ('type' in value) return null;
  const [name, told] = [word(value['key']) ?? word(value['title']), word(value['value']) ?? word(value['price'])];
  return name !== null && told !== null ? `${name.replace(/:$/, '')}: ${told}` : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function word(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}
