/** Codes in words, and times and spans as people read them. */

const clockFormat = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** A moment: the time alone if it is of today. */
export function moment(at: string): string {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return (today ? clockFormat : dayFormat).format(date);
}

/** A moment to the millisecond, for a timeline. */
export function exact(at: string): string {
  return `${clockFormat.format(new Date(at))}.${at.slice(-4, -1)}`;
}

/** A span such as `45 s`, `12 min 5 s`, `3 h 4 min`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** A latency such as `0.8 ms`, `120 ms`, `1.4 s`. */
export function latency(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(1)} s`;
}

/** A code such as `operator_ended` as words. */
export const plain = (code: string) => code.replaceAll('_', ' ');

const EFFECTS: Readonly<Record<string, string>> = {
  ask: 'request for an agent',
  say: "user's words to the desk",
  end: 'end of the chat, told to the desk',
  greet: 'greeting by the bot',
  to_bot: "user's words to the bot",
  tell_bot: 'news for the bot',
  show: 'for the user',
};

export const effect = (kind: string) => EFFECTS[kind] ?? plain(kind);

const NOTICES: Readonly<Record<string, string>> = {
  asked: 'User told that a person was asked for',
  waiting: 'User told the estimated wait',
  connected: 'User told that an agent is there',
  transferring: 'User told that the chat is passed on',
  transferred: 'User told that another agent is there',
  held: 'User told that the desk is away and words wait',
  went_through: 'User told that words went through',
  idle_warning: 'User warned that the desk will end an idle chat',
  ended: 'User told that the chat ended',
  nobody_there: 'User told that nobody is there',
  cancelled: 'User told that the request was withdrawn',
  failed: 'User told that it failed',
  busy_elsewhere: 'User told that they have another chat',
  undelivered: 'User told that something was not delivered',
  back_with_bot: 'User told that the bot is back',
  bot_away: 'User told that the bot is away',
  agent_idle: 'User told that the agent does not answer',
  user_left: 'User was away; the chat was closed',
  file_not_taken: 'User told that a file was not taken',
  file_linked: 'User given the address of a file',
  answered_too_late: 'User told that their answer came too late',
  no_more_held: 'User told that no more words can be kept',
};

export const notice = (key: string) => NOTICES[key] ?? `User told: ${plain(key)}`;

const SAID: Readonly<Record<string, string>> = {
  user: 'User said something',
  bot: 'Bot said something',
  agent: 'Agent said something',
  desk: 'Desk said something',
  gateway: 'Warmline said something',
};

const DETAILS: Readonly<Record<string, string>> = {
  user: 'by the user',
  agent: 'by the agent',
  operator: 'by the operator',
  bot: 'by the bot',
};

/** Who ended a chat, or the code of why it failed. */
export const detail = (code: string) => DETAILS[code] ?? plain(code);

const DONE_BY_BOT: Readonly<Record<string, string>> = {
  context: 'The bot handed over what it knows',
  transcript: 'The bot handed over a transcript of its own',
  done: 'Bot sent something that is no message',
  revised: 'Bot changed something it had said',
  withdrawn: 'Bot took back something it had said',
};

/** What was done besides saying something; only `done` can be the user's, too. */
export const did = (kind: string, author: string) =>
  kind === 'done' && author === 'user'
    ? 'User sent something that is no message'
    : (DONE_BY_BOT[kind] ?? plain(kind));

export const said = (author: string) => SAID[author] ?? 'Somebody said something';
