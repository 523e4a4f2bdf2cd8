/**
 * What Web Chat's "Retry" leaves undone: it says the same again as a message of its own, so that what
 * failed stands there beside it and can be sent twice; and it has forgotten where files are. Here the
 * new one takes the place of the old one, and gets its files.
 */

import { hasFiles, idOf } from './refused';
import type { Activity, ActivityMiddleware } from './web-chat';

/** Web Chat gives each activity that it shows a number; one that is posted with a number was shown before. */
const SHOWN = 'webchat:sequence-id';

interface Filed {
  readonly attachments?: readonly object[];
}

export class Retries {
  readonly #changed: () => void;
  /** The files of what was not sent, by the client's id of the activity. */
  readonly #files = new Map<string, readonly object[]>();
  /** What was said again, by the client's id that it had before. */
  readonly #replaced = new Set<string>();
  /** What nobody has taken or refused, by the client's id; the oldest first. */
  readonly #unsent = new Map<string, object>();
  #activities: readonly Activity[] = [];

  /** `changed` is called when something is to be shown otherwise. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  heard(activities: readonly Activity[]): void {
    this.#activities = activities;
  }

  /** What is to be sent for this: itself, or, where it was not sent before, itself with its files. */
  begun(activity: object): object {
    const before = this.#before(activity);
    if (before === null) return this.#begun(activity);
    this.#replaced.add(before);
    this.#unsent.delete(before);
    this.#changed();
    const files = this.#files.get(before);
    this.#files.delete(before);
    return this.#begun(files === undefined ? activity : { ...activity, attachments: files });
  }

  /** The gateway has answered: it was taken, or refused. */
  settled(activity: object): void {
    this.#unsent.delete(idOf(activity) ?? '');
  }

  /** Gives what was not sent, and forgets it. */
  takeUnsent(): readonly object[] {
    const unsent = [...this.#unsent.values()];
    this.#unsent.clear();
    return unsent;
  }

  /** This could not be sent. */
  failed(activity: object): void {
    const id = idOf(activity);
    const { attachments } = activity as Filed;
    if (id !== null && attachments && hasFiles(activity)) this.#files.set(id, attachments);
  }

  /** Leaves out what was said again; a new one each time, so that Web Chat shows it anew. */
  middleware(): ActivityMiddleware {
    return () => (next) => (card) => this.#replaced.has(idOf(card.activity) ?? '') ? false : next(card);
  }

  #begun(activity: object): object {
    const id = idOf(activity);
    if (id !== null) this.#unsent.set(id, activity);
    return activity;
  }

  /** The client's id of what this says again. */
  #before(activity: object): string | null {
    const { channelData } = activity as { channelData?: Readonly<Record<string, unknown>> };
    const number = channelData?.[SHOWN];
    if (typeof number !== 'number') return null;
    const own = idOf(activity);
    const before = this.#activities.findLast((one) => one.channelData?.[SHOWN] === number && idOf(one) !== own);
    return before === undefined ? null : idOf(before);
  }
}
