/**
 * How a conversation stands, told from what was said in it: Warmline's notices carry their key and
 * what they name. Pure; the same log always tells the same, so a page that comes back needs to
 * remember nothing.
 */

import { cardWords } from './card-words';
import type { Activity, Attachment } from './web-chat';
import type { Phase } from './widget-wire';
import type { Say } from './widget-words';

export interface Story {
  readonly phase: Phase;
  /** When the wait, or the end, began; null if nothing says so. */
  readonly since: number | null;
  /** ServiceNow's own words for how long it takes. */
  readonly estimate: string | null;
  readonly agent: string | null;
  /** The address of the agent's picture. */
  readonly avatar: string | null;
  readonly transferring: boolean;
  /** The desk is away for the moment, and what was said waits. */
  readonly delayed: boolean;
  readonly ended: 'talked' | 'cancelled' | 'nobody' | null;
}

export const BEGINNING: Story = {
  phase: 'bot', since: null, estimate: null, agent: null, avatar: null,
  transferring: false, delayed: false, ended: null,
};

/** What the gateway calls an agent whose name nobody told. */
const UNNAMED = 'Agent';

/** What a notice of Warmline's says. */
export interface Notice {
  readonly key: string;
  readonly estimate?: unknown;
  readonly agent?: unknown;
  readonly avatar?: unknown;
  readonly why?: unknown;
}

export function tell(activities: readonly Activity[]): Story {
  return inOrder(activities).reduce((story, activity) => {
    const notice = noticeOf(activity);
    if (notice) return heard(story, notice, activity);
    // Not every desk names its agent when they come; what they write names them.
    if (story.phase === 'live' && isAgents(activity)) {
      const { agent } = (activity.channelData?.['warmline'] ?? {}) as { agent?: { avatar?: unknown } };
      return {
        ...story,
        agent: story.agent ?? text(activity.from?.name),
        avatar: story.avatar ?? webAddress(agent?.avatar),
      };
    }
    // Whoever writes on after the end has seen it.
    const goesOn = story.phase === 'over' && isMessage(activity) && activity.from?.role === 'user';
    return goesOn ? BEGINNING : story;
  }, BEGINNING);
}

function heard(story: Story, notice: Notice, activity: Activity): Story {
  const at = Date.parse(activity.timestamp ?? '') || null;
  switch (notice.key) {
    case 'asked':
      return { ...BEGINNING, phase: 'waiting', since: at };
    case 'waiting':
      return { ...story, phase: 'waiting', since: story.phase === 'waiting' ? story.since : at, estimate: text(notice.estimate) };
    case 'connected':
    case 'transferred':
      return { ...BEGINNING, phase: 'live', since: at, agent: nameOf(notice), avatar: pictureOf(notice) };
    case 'transferring':
      return { ...story, transferring: true, estimate: text(notice.estimate) };
    case 'held':
      return { ...story, delayed: true };
    case 'went_through':
      return { ...story, delayed: false };
    case 'ended':
    case 'user_left':
      return over(story, 'talked', at);
    case 'cancelled':
      return over(story, 'cancelled', at);
    case 'failed':
    case 'nobody_there':
      // A chat that was lost while people talked was a chat.
      return over(story, story.phase === 'live' ? 'talked' : 'nobody', at);
    case 'back_with_bot':
      return story.phase === 'over' ? story : over(story, 'talked', at);
    default:
      return story;
  }
}

function over({ agent, avatar }: Story, ended: NonNullable<Story['ended']>, since: number | null): Story {
  return { ...BEGINNING, phase: 'over', ended, since, agent, avatar };
}

/** What Warmline says in this message; null if somebody else says it. */
export function noticeOf(activity: Activity): Notice | null {
  if (activity.from?.role !== 'channel') return null;
  const ours = activity.channelData?.['warmline'] as { notice?: Notice } | undefined;
  return typeof ours?.notice?.key === 'string' ? ours.notice : null;
}

/** An agent is a name, or a name with a picture. */
function nameOf({ agent }: Notice): string | null {
  return typeof agent === 'object' && agent !== null && 'name' in agent ? text(agent.name) : text(agent);
}

function pictureOf({ agent, avatar }: Notice): string | null {
  return webAddress(typeof agent === 'object' && agent !== null && 'avatar' in agent ? agent.avatar : avatar);
}

function webAddress(value: unknown): string | null {
  const found = text(value);
  return found !== null && /^https?:\/\//.test(found) ? found : null;
}

function isAgents({ from }: Activity): boolean {
  return from?.id === 'agent' && from.name !== UNNAMED;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

export function isMessage(activity: Activity): boolean {
  const { type, text: words, attachments } = activity;
  return type === 'message' && (Boolean(words) || (attachments?.length ?? 0) > 0);
}

/** A message's number in the conversation; 0 for what has none yet. */
export function numberOf(activity: Activity): number {
  const number = activity.channelData?.['webchat:sequence-id'];
  return typeof number === 'number' ? number : 0;
}

/** As they were said; what has no number yet comes last. */
export function inOrder(activities: readonly Activity[]): readonly Activity[] {
  const numbered = activities.map((activity) => [numberOf(activity) || Infinity, activity] as const);
  return numbered.toSorted(([one], [other]) => (one === other ? 0 : one - other)).map(([, activity]) => activity);
}

/** What others said after this number. */
export function unread(activities: readonly Activity[], seen: number): readonly Activity[] {
  return activities.filter(
    (activity) => isMessage(activity) && activity.from?.role !== 'user' && numberOf(activity) > seen,
  );
}

/** A message in words: what is attached by its name or its kind, a card by what it says. */
export function said(activity: Activity, say: Say): string {
  const { text: own = '', summary = '', attachments = [] } = activity;
  const cards = attachments.filter(isCard);
  const named = attachments.filter((one) => !isCard(one)).map((one) => `[${one.name || say(kindOf(one))}]`);
  // Above a card there may be its question alone, and a bot may sum up what it says at length.
  const words = cards.length > 0 && summary.length > own.length ? summary : withCards(own, summary, cards);
  return [words, ...named].filter(Boolean).join(' ') || `[${say('kind.card')}]`;
}

/** What is said above the cards, and what they say where nothing sums it up. */
function withCards(own: string, summary: string, cards: readonly Attachment[]): string {
  const told = summary === '' ? cards.map(cardWords) : [];
  return [own, ...told.filter((words) => !own.includes(words))].filter(Boolean).join('\n');
}

function isCard({ contentType = '' }: Attachment): boolean {
  return contentType.startsWith('application/vnd.microsoft.card.');
}

function kindOf({ contentType = '' }: Attachment): 'kind.picture' | 'kind.file' {
  return contentType.startsWith('image/') ? 'kind.picture' : 'kind.file';
}

/** The whole conversation as lines of a text. */
export function transcript(activities: readonly Activity[], say: Say, locale: string): string {
  const clock = new Intl.DateTimeFormat(locale, { dateStyle: 'short', timeStyle: 'short' });
  const lines = inOrder(activities).filter(isMessage).map((activity) => {
    const at = Date.parse(activity.timestamp ?? '');
    const who = activity.from?.role === 'user' ? say('you') : (activity.from?.name ?? 'Bot');
    const words = said(activity, say);
    return `${at ? clock.format(at) : ''}  ${words.startsWith(`${who}: `) ? words : `${who}: ${words}`}`;
  });
  return `${lines.join('\n')}\n`;
}
