/**
 * What the gateway has refused and would refuse again: a file that is too large, of a kind that is not
 * taken, with something in it. Web Chat offers "Retry" below everything that was not sent; here it is
 * offered where it can help, and elsewhere the user is told what else can be done. The gateway answers
 * with a status, and says why in the conversation.
 */

import type { ChatSay } from './chat-words';
import { noticeOf, numberOf } from './frame-story';
import type { Activity, ActivityStatusMiddleware } from './web-chat';

/** Answers that the same activity would get again (Direct Line's codes for what is wrong with it). */
const FOR_GOOD: readonly unknown[] = [400, 413, 415];

/** Why a file was not taken, in the words of the notice `file_not_taken`; `not_now` passes. */
const REASONS = ['too_large', 'not_allowed', 'infected', 'empty', 'no_room', 'not_now'] as const;

type Reason = (typeof REASONS)[number];

export class Refusals {
  readonly #say: ChatSay;
  readonly #changed: () => void;
  /** Refused for good, by what the gateway answered: the status by the client's id of the activity. */
  readonly #answered = new Map<string, unknown>();
  /** Why files were not taken, by the client's id of the activity. */
  readonly #reasons = new Map<string, Reason>();
  #activities: readonly Activity[] = [];
  /** The files that are on their way, or were last; one goes after the other. */
  #files: string | null = null;
  /** What was said up to here is not about them. */
  #before = 0;

  /** `changed` is called when something is to be shown otherwise. */
  constructor(say: ChatSay, changed: () => void) {
    this.#say = say;
    this.#changed = changed;
  }

  /** An attempt to send this begins. */
  sending(activity: object): void {
    if (!hasFiles(activity)) return;
    this.#files = idOf(activity);
    this.#before = Math.max(0, ...this.#activities.map(numberOf));
  }

  /** The gateway has answered that it does not take this. */
  refused(activity: object, error: unknown): void {
    const { status } = (error ?? {}) as { status?: unknown };
    const id = idOf(activity);
    if (id !== null && FOR_GOOD.includes(status)) this.#answered.set(id, status);
  }

  /** Looks for why files were not taken, in all that was said. */
  heard(activities: readonly Activity[]): void {
    if (activities === this.#activities) return;
    this.#activities = activities;
    const id = this.#files;
    if (id === null) return;
    const news = activities.filter((activity) => numberOf(activity) > this.#before);
    const why = news.map(reasonOf).findLast((reason) => reason !== null);
    if (!why || this.#reasons.get(id) === why) return;
    this.#reasons.set(id, why);
    this.#changed();
  }

  /** Shows what became of what was sent; a new one each time, so that Web Chat shows it anew. */
  middleware(): ActivityStatusMiddleware {
    return () => (next) => (card) => {
      const shown = next(card);
      const words = card.sendState === 'send failed' ? this.#words(card.activity) : null;
      if (words === null || !shown) return shown;
      // React's elements are plain values, as in `frame-notices.ts`.
      return { ...shown, type: 'span', props: { className: 'not-sent', children: words } };
    };
  }

  /** What stands in place of "Retry"; null where that can help. */
  #words(activity: Activity): string | null {
    const id = idOf(activity);
    const reason = id === null ? undefined : this.#reasons.get(id);
    if (reason === 'not_now') return null;
    if (reason !== undefined) return this.#say(`refused.${reason}`);
    const status = id === null ? undefined : this.#answered.get(id);
    if (status === undefined) return null;
    const large = status === 413;
    if (hasFiles(activity)) return this.#say(large ? 'refused.too_large' : 'refused.files');
    return this.#say(large ? 'refused.too_long' : 'refused.words');
  }
}

function reasonOf(activity: Activity): Reason | null {
  const notice = noticeOf(activity);
  if (notice?.key !== 'file_not_taken') return null;
  return REASONS.find((reason) => reason === notice.why) ?? null;
}

/** Whether files go with it. */
export function hasFiles(activity: object): boolean {
  const { attachments } = activity as { attachments?: readonly unknown[] };
  return (attachments?.length ?? 0) > 0;
}

/** What the client calls it. */
export function idOf(activity: object): string | null {
  const { channelData } = activity as { channelData?: { clientActivityID?: unknown } };
  const id = channelData?.clientActivityID;
  return typeof id === 'string' ? id : null;
}
