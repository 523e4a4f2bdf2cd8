/**
 * The desk's HTTP API, as the simulator serves it on the page's own origin: the state as a stream of
 * events, and what an agent can do as requests. Knows nothing of how a desk looks.
 */

export type Mode = 'person' | 'scripted' | 'nobody';
export type Dialect = 'servicenow' | 'spec' | 'both';

/** One line of a transcript. `at` is in milliseconds since 1970. */
export interface Line {
  readonly from: 'user' | 'agent' | 'bot' | 'system';
  readonly name: string | null;
  readonly text: string;
  readonly at: number;
}

/** One chat in the agent's queue. `waitingSince` is in milliseconds since 1970. */
export interface Chat {
  readonly id: string;
  readonly userId: string;
  readonly emailId: string | null;
  readonly state: 'offered' | 'live' | 'ended';
  readonly endedBy: 'agent' | 'user' | null;
  /** Why it ended, in the instance's own words, where there is one. */
  readonly endReason?: string | null;
  readonly waitingSince: number;
  readonly context: Readonly<Record<string, unknown>> | null;
  readonly lines: readonly Line[];
  /** The question that waits for the user's answer, and how much is shown after that. */
  readonly asked?: object | null;
  readonly askedNext?: number;
  readonly userTyping: boolean;
  /** Where it waits or waited; absent where the instance has no queues. */
  readonly queue?: string | null;
  /** Who has it, or had it. */
  readonly agent?: { readonly id: string; readonly name: string } | null;
  /** To whom it is offered; `endsAt` is in milliseconds since 1970. */
  readonly offer?: { readonly agent: string; readonly endsAt: number | null } | null;
}

/** One of the people at the desk. */
export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly state: 'available' | 'busy' | 'away';
  readonly capacity: number;
  readonly active: number;
}

export interface DeskQueue {
  readonly id: string;
  readonly name: string;
  readonly open: boolean;
  readonly waiting: number;
  /** In ServiceNow's own words. */
  readonly waitTime?: string | null;
}

/** A fault that will strike so often yet. */
export interface Armed {
  readonly fault: string;
  readonly times: number | 'until_cleared';
}

/** Everything the desk shows; each event carries it whole. */
export interface DeskState {
  readonly agent: { readonly name: string; readonly mode: Mode };
  readonly dialect: Dialect;
  readonly down: boolean;
  readonly chats: readonly Chat[];
  readonly agents?: readonly Agent[];
  readonly queues?: readonly DeskQueue[];
  readonly faults?: readonly Armed[];
}

/** To whom a chat is handed over: an agent by id or name, or a queue by id. */
export type Receiver = { readonly to: string } | { readonly queue: string };

/** What to change; a setting that is absent stays as it is. */
export interface Settings {
  readonly mode?: Mode;
  readonly dialect?: Dialect;
  readonly down?: boolean;
}

/** A request that the desk refused or that never reached it; `message` can be shown to a person. */
export class DeskError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'DeskError';
    this.code = code;
  }
}

/** Ten seconds: the desk answers from memory, so a longer silence means that nobody is there. */
const ANSWER_WITHIN_MS = 10_000;

/** Two seconds between attempts when the browser itself has given up on the stream. */
const REOPEN_AFTER_MS = 2_000;

/** `agent` says who takes it, or refuses it, where several sit at the desk. */
export const accept = (chat: string, agent: string | null) =>
  post(`chats/${encodeURIComponent(chat)}/accept`, agent === null ? {} : { agent });
export const reject = (chat: string, agent: string | null) =>
  post(`chats/${encodeURIComponent(chat)}/reject`, agent === null ? {} : { agent });
export const transfer = (chat: string, receiver: Receiver) =>
  post(`chats/${encodeURIComponent(chat)}/transfer`, receiver);
export const setAvailable = (agent: string, available: boolean) =>
  post(`agents/${encodeURIComponent(agent)}`, { available });
export const setOpen = (queue: string, open: boolean) =>
  post(`queues/${encodeURIComponent(queue)}`, { open });
export const inject = (fault: { fault: string; times: number; ms?: number }) => post('faults', fault);
export const end = (chat: string) => post(`chats/${encodeURIComponent(chat)}/end`, {});
export const typing = (chat: string, on: boolean) =>
  post(`chats/${encodeURIComponent(chat)}/typing`, { on });
export const write = (chat: string, text: string) =>
  post(`chats/${encodeURIComponent(chat)}/write`, { text });
/** Shows one of ServiceNow's controls in a chat. */
export const show = (chat: string, control: string) =>
  post(`chats/${encodeURIComponent(chat)}/show`, { control });
export const change = (settings: Settings) => post('settings', settings);

/**
 * Follows the desk's state for as long as the page lives. A broken stream is opened again until it
 * works; the first event after that brings everything that was missed.
 */
export function follow(show: (state: DeskState) => void, reachable: (yes: boolean) => void): void {
  const source = new EventSource('/desk/api/events');
  source.addEventListener('open', () => reachable(true));
  source.addEventListener('state', (event: MessageEvent<string>) => {
    reachable(true);
    show(JSON.parse(event.data) as DeskState);
  });
  source.addEventListener('error', () => {
    reachable(false);
    // The browser retries a lost connection by itself, but not after an answer such as 502.
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(() => follow(show, reachable), REOPEN_AFTER_MS);
    }
  });
}

/** The names of all controls that can be shown. */
export async function controls(): Promise<readonly string[]> {
  const answer = await ask('controls', {});
  return ((await answer.json()) as { name: string }[]).map(({ name }) => name);
}

/** Sends a file as the agent. */
export async function sendFile(chat: string, file: File): Promise<void> {
  const path = `chats/${encodeURIComponent(chat)}/file?name=${encodeURIComponent(file.name)}`;
  const kind = file.type || 'application/octet-stream';
  await ask(path, { method: 'POST', headers: { 'content-type': kind }, body: file });
}

async function post(path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    answer = await fetch(`/desk/api/${path}`, { ...init, signal });
  } catch {
    throw new DeskError('unreachable', 'The desk could not be reached. Is the demo still running?');
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** The API's own words where it gave any, else the status. */
async function refusal(answer: Response): Promise<DeskError> {
  const body = (await answer.json().catch(() => null)) as {
    error?: { code?: unknown; message?: unknown };
  } | null;
  const { code, message } = body?.error ?? {};
  return new DeskError(
    typeof code === 'string' ? code : `http_${answer.status}`,
    typeof message === 'string' && message !== ''
      ? message
      : `The desk answered with status ${answer.status}.`,
  );
}
