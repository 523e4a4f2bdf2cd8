/**
 * What all bots of this folder say, so that one list of scenarios can be played with each of them. The
 * bot in Python says the same.
 */

/** A card with a choice and a button; what the button submits is said back. */
export const CARD = {
  contentType: 'application/vnd.microsoft.card.adaptive',
  content: {
    type: 'AdaptiveCard',
    version: '1.5',
    body: [{ type: 'TextBlock', text: 'Which size?', wrap: true }],
    actions: [{ type: 'Action.Submit', title: 'Order it', data: { size: 'large', number: 42 } }],
  },
};

/** A picture of one dot, in base64. */
export const PICTURE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** Buttons that say a word for the user. */
export const CHOICES = ['Red', 'Blue'].map((title) => ({ type: 'imBack', title, value: title }));

/** What a bot gives along when it asks for a person. */
export const HANDOFF_CONTEXT = { topic: 'billing', priority: 2 };

/** The bot's own idea of what was said so far. */
export const TRANSCRIPT = {
  activities: [
    { type: 'message', from: { id: 'someone', role: 'user' }, text: 'my bill is wrong' },
    { type: 'message', from: { id: 'bot', role: 'bot' }, text: 'Let me find somebody' },
  ],
};

export interface Submitted {
  readonly size?: string;
  readonly number?: number;
}

/** What a bot answers to a card that was submitted. */
export function submitted(value: unknown): string {
  const { size, number } = value as Submitted;
  return `Submitted: ${size} ${number}`;
}

interface Status {
  readonly state?: string;
  readonly reason?: string;
  readonly agent?: { readonly name?: string };
  readonly transcript?: readonly { readonly text?: string }[];
}

/** What a bot says when it hears how a handoff fares. */
export function told(value: unknown): string {
  const { state, reason, agent, transcript } = value as Status;
  const lines = transcript?.map(({ text }) => text).join(' / ');
  return `Handoff ${state}, ${reason ?? 'well'}, by ${agent?.name ?? 'nobody'}: ${lines ?? 'nothing'}`;
}
