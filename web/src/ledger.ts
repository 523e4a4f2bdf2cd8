/**
 * Counts, at both ends, what was said in the live chats of this page's user: every line that an
 * agent wrote must stand in Web Chat, every word of the user at the desk, each once. It compares
 * what the two sides really show and asks the gateway nothing.
 */

import type { Chat } from './desk-api';
import { say } from './language';
import type { Activity } from './web-chat';

/** Words that steer the conversation and are not for the agent, as the gateway folds them. */
const PHRASES = new Set(['agent', 'live agent', 'talk to a human', 'cancel', 'end chat']);

export interface Count {
  readonly total: number;
  readonly shown: number;
  readonly twice: number;
}

/**
 * What is compared: the gateway puts a full stop after a word that is a command to ServiceNow, and
 * the answer to a question is "Yes" for the user and "yes" at the desk.
 */
const plain = (text: string | undefined) => (text ?? '').trim().replace(/\.$/, '').toLowerCase();

/**
 * What the desk writes in place of a file, `(file: plan.pdf)`, or of one of its controls, `(Picker) Which
 * one?`: nobody's words, and Web Chat shows them in its own way.
 */
const isNoWords = (text: string) => /^\((file: .*|[A-Z][A-Za-z]+)\)/s.test(text);

/** Which of `wanted` stand in `there`; each of `there` counts once. */
function compare(wanted: readonly string[], there: readonly string[]): Count {
  const left = [...there];
  let shown = 0;
  for (const text of wanted) {
    const place = left.indexOf(text);
    if (place < 0) continue;
    left.splice(place, 1);
    shown += 1;
  }
  const twice = left.filter((text) => wanted.includes(text)).length;
  return { total: wanted.length, shown, twice };
}

/**
 * What the user said in words of their own. What answers a question is one thing for the user and another
 * at the desk ("Apple", `a1`), a secret is masked, and a file is a line at the desk.
 */
function inWordsOnly(messages: readonly Activity[]): Activity[] {
  const own: Activity[] = [];
  let asked = false;
  for (const message of messages) {
    const { from, value, attachments, suggestedActions } = message;
    const carries = (attachments?.length ?? 0) > 0;
    if (from?.role !== 'user') {
      asked ||= carries || (suggestedActions?.actions?.length ?? 0) > 0;
      continue;
    }
    if (!asked && value === undefined && !carries) own.push(message);
    asked = false;
  }
  return own;
}

export class Ledger {
  #activities: readonly Activity[] = [];
  #chats: readonly Chat[] = [];
  /** When a chat was first seen to be over: what the user says later is for the bot. */
  readonly #over = new Map<string, number>();

  webChat(activities: readonly Activity[]): void {
    this.#activities = activities;
  }

  desk(chats: readonly Chat[], userId: string | null): void {
    this.#chats = chats.filter((chat) => chat.userId === userId);
    for (const { id, state, lines } of this.#chats) {
      if (state !== 'ended' || this.#over.has(id)) continue;
      this.#over.set(id, lines.at(-1)?.at ?? Date.now());
    }
  }

  count(): Count {
    const lines = this.#chats.flatMap((chat) => chat.lines);
    const messages = this.#activities.filter(({ type }) => type === 'message');
    const written = lines.filter(({ from, text }) => from === 'agent' && !isNoWords(text));
    const heard = messages.filter(({ from }) => from?.role === 'bot');
    // An agent's line may come with the agent's name before it.
    const names = new Set(written.map(({ name }) => name).filter((name) => name !== null));
    const bare = (text: string) => {
      const name = [...names].find((one) => text.startsWith(`${one}: `));
      return name === undefined ? text : text.slice(name.length + 2);
    };
    const toUser = compare(
      written.map(({ text }) => plain(text)),
      heard.map(({ text }) => plain(bare(text ?? ''))),
    );
    const said = inWordsOnly(messages).filter((message) => this.#isForAgent(message));
    const toAgent = compare(
      said.map(({ text }) => plain(text)),
      lines.filter(({ from }) => from === 'user').map(({ text }) => plain(text)),
    );
    return {
      total: toUser.total + toAgent.total,
      shown: toUser.shown + toAgent.shown,
      twice: toUser.twice + toAgent.twice,
    };
  }

  #isForAgent({ from, text, timestamp }: Activity): boolean {
    if (from?.role !== 'user' || !text) return false;
    if (PHRASES.has(text.trim().toLowerCase().replace(/[\s.!?…]+$/, ''))) return false;
    const at = Date.parse(timestamp ?? '');
    return this.#chats.some((chat) => at >= chat.waitingSince && at <= (this.#over.get(chat.id) ?? Infinity));
  }
}

/** The count in words. */
export function inWords({ total, shown, twice }: Count): string {
  if (total === 0) return say('faults.count.none');
  const double = twice === 0 ? say('faults.count.once') : say('faults.count.twice', { count: twice });
  return `${say('faults.count', { shown, total })}, ${double}`;
}
