/**
 * Warmline's notices between the messages: quiet lines in the middle, since nobody of those who talk
 * says them. For screen readers Web Chat announces them as it does every message.
 */

import { isMessage, noticeOf } from './frame-story';
import type { Activity, ActivityMiddleware } from './web-chat';

export const quietNotices: ActivityMiddleware = () => (next) => (card) => {
  const render = next(card);
  if (!render || !isNotice(card.activity)) return render;
  return (...drawn) => {
    const shown = render(...drawn);
    // React's elements are plain values: this is one of its own kind, whichever React is inside.
    return shown ? { ...shown, type: 'p', props: { className: 'notice', children: card.activity.text } } : shown;
  };
};

/** A notice in words alone; one that carries more is shown as any other message. */
function isNotice(activity: Activity): boolean {
  return isMessage(activity) && noticeOf(activity) !== null && (activity.attachments?.length ?? 0) === 0;
}
