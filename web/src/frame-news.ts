/**
 * What is new in the conversation: how it stands, what the user has not seen, and what rings. Tells
 * the page around when one of these changes, and never twice the same.
 */

import { BEGINNING, isMessage, numberOf, said, tell, unread } from './frame-story';
import type { Story } from './frame-story';
import { chime } from './frame-things';
import type { Activity } from './web-chat';
import type { FromFrame, Welcome } from './widget-wire';
import type { Say } from './widget-words';

/** Between two lines of a log that is read again there is less than this. */
const SETTLES_WITHIN_MS = 300;

/** A message beside the bubble is a hint and not a letter, in characters. */
const PREVIEW_MAX = 140;

export class News {
  readonly #say: Say;
  readonly #send: (told: FromFrame) => void;
  readonly #show: (story: Story) => void;
  #open: boolean;
  #sound: boolean;
  #seen: number;
  /** The newest that has rung, or was there before. */
  #loud = 0;
  #story: Story = BEGINNING;
  #activities: readonly Activity[] = [];
  #told = '';
  #settling = 0;

  constructor({ open, sound, seen }: Welcome, say: Say, send: (told: FromFrame) => void, show: (story: Story) => void) {
    [this.#open, this.#sound, this.#seen] = [open, sound, seen];
    this.#say = say;
    this.#send = send;
    this.#show = show;
    document.addEventListener('visibilitychange', () => this.#changed());
    addEventListener('focus', () => this.#changed());
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get story(): Story {
    return this.#story;
  }

  heard(activities: readonly Activity[]): void {
    this.#activities = activities;
    this.#changed();
  }

  opened(open: boolean): void {
    this.#open = open;
    if (open) this.#changed();
  }

  /** Another tab has shown it up to this number. */
  seen(number: number): void {
    this.#seen = number;
    this.#changed();
  }

  sound(on: boolean): void {
    this.#sound = on;
  }

  /** A new conversation begins, with numbers of its own. */
  begin(): void {
    this.#seen = this.#loud = 0;
    this.#story = BEGINNING;
    this.#activities = [];
  }

  /**
   * Something was said, seen, or became visible. A log that is read again comes line by line, and the
   * user is not to see how the chats in it began and ended; what is said now counts at once.
   */
  #changed(): void {
    const activities = this.#activities;
    clearTimeout(this.#settling);
    if (activities.length > 0 && !activities.some(isRecent)) {
      this.#settling = window.setTimeout(() => this.#settled(activities), SETTLES_WITHIN_MS);
    } else this.#settled(activities);
  }

  #settled(activities: readonly Activity[]): void {
    this.#story = tell(activities);
    this.#show(this.#story);
    const news = unread(activities, this.#seen);
    const watched = this.#open && document.visibilityState === 'visible';
    const newest = Math.max(this.#seen, ...news.map(numberOf));
    if (news.some((one) => numberOf(one) > this.#loud && isRecent(one))) this.#ring(watched);
    this.#loud = Math.max(this.#loud, newest);
    if (watched && newest > this.#seen) {
      this.#seen = newest;
      this.#send({ kind: 'seen', number: newest });
    }
    const count = watched ? 0 : news.length;
    const last = news.at(-1);
    const preview = last === undefined ? '' : said(last, this.#say).slice(0, PREVIEW_MAX);
    this.#tell({ kind: 'state', phase: this.#story.phase, unread: count, preview });
  }

  #tell(state: FromFrame): void {
    const now = JSON.stringify(state);
    if (now === this.#told) return;
    this.#told = now;
    this.#send(state);
  }

  #ring(watched: boolean): void {
    if (this.#sound && !(watched && document.hasFocus())) chime();
  }
}

/** What was said while this page was loaded rings; what it catches up with does not. */
function isRecent(activity: Activity): boolean {
  return isMessage(activity) && Date.parse(activity.timestamp ?? '') > performance.timeOrigin;
}
