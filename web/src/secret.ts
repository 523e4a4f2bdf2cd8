/**
 * Cards that ask for a secret. Web Chat leaves on a card what was typed there; when the answer is taken,
 * the field goes, with what is in it, and a line says that it was sent. The gateway gives such an answer
 * back as dots and nothing else, so a page that comes later tells from the order of the conversation
 * which card it belonged to.
 */

import type { ChatSay } from './chat-words';
import { inOrder, noticeOf, numberOf } from './frame-story';
import { idOf } from './refused';
import type { Activity, Attachment, AttachmentMiddleware } from './web-chat';

/** What the gateway shows in place of a secret. */
const DOTS = '••••••';

/** What became of a card's question: answered, or it was not open any more. */
type Fate = 'sent' | 'late';

export class Secrets {
  readonly #say: ChatSay;
  readonly #changed: () => void;
  /** Which question an answer of this page belongs to, by the client's id of the answer. */
  readonly #given = new Map<string, number>();
  #fates: ReadonlyMap<number, Fate> = new Map();
  #activities: readonly Activity[] = [];

  /** `changed` is called when something is to be shown otherwise. */
  constructor(say: ChatSay, changed: () => void) {
    this.#say = say;
    this.#changed = changed;
  }

  heard(activities: readonly Activity[]): void {
    if (activities === this.#activities) return;
    this.#activities = activities;
    for (const activity of activities) {
      const [id, question] = [idOf(activity), answered(activity.value)];
      if (id !== null && question !== null) this.#given.set(id, question);
    }
    const fates = this.#told(inOrder(activities));
    const same = fates.size === this.#fates.size && [...fates].every(([one, fate]) => this.#fates.get(one) === fate);
    if (same) return;
    this.#fates = fates;
    this.#changed();
  }

  /** Shows what became of such cards; a new one each time, so that Web Chat shows it anew. */
  middleware(): AttachmentMiddleware {
    return () => (next) => (card) => {
      const shown = next(card);
      const question = asked(card.attachment);
      const fate = question === null ? undefined : this.#fates.get(question);
      if (fate === undefined || !shown) return shown;
      const words = this.#say(`secret.${fate}`, { dots: DOTS });
      // React's elements are plain values, as in `frame-notices.ts`.
      return { ...shown, type: 'p', props: { className: 'secret-fate', children: words } };
    };
  }

  #told(activities: readonly Activity[]): Map<number, Fate> {
    const fates = new Map<number, Fate>();
    const open: number[] = [];
    activities.forEach((activity, at) => {
      for (const attachment of activity.attachments ?? []) {
        const question = asked(attachment);
        if (question !== null) open.push(question);
      }
      if (activity.from?.role !== 'user' || activity.text !== DOTS || numberOf(activity) === 0) return;
      const after = activities[at + 1];
      const late = after !== undefined && noticeOf(after)?.key === 'answered_too_late';
      const known = this.#given.get(idOf(activity) ?? '');
      // Of one that came too late nobody can say which it was meant for.
      const question = known ?? (late ? undefined : open.at(-1));
      if (question === undefined) return;
      if (!fates.has(question)) fates.set(question, late ? 'late' : 'sent');
      if (open.includes(question)) open.splice(open.indexOf(question), 1);
    });
    return fates;
  }
}

/** The number of the question for a secret on this card; null for any other card. */
function asked({ content }: Attachment): number | null {
  const { actions } = (content ?? {}) as { actions?: unknown };
  if (!Array.isArray(actions)) return null;
  const each = actions.map((action: unknown) => answered((action as { data?: unknown } | null)?.data));
  return each.find((question) => question !== null) ?? null;
}

/** Which question this answers, as a card of Warmline's says it of a secret. */
function answered(value: unknown): number | null {
  if (typeof value !== 'object' || value === null || !('warmline' in value)) return null;
  const { answers, secret } = (value.warmline ?? {}) as { answers?: unknown; secret?: unknown };
  return secret === true && typeof answers === 'number' ? answers : null;
}
