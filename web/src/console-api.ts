/**
 * The console's HTTP API on the page's own origin: what can be read, what can be ordered, and the
 * feed. Knows nothing of how anything looks.
 */

export interface Overview {
  readonly version: string;
  readonly now: string;
  readonly started_at: string;
  readonly sessions: {
    readonly waiting: number;
    readonly connected: number;
    readonly active: number;
    readonly oldest_waiting_at: string | null;
  };
  readonly dead_letters: { readonly count: number; readonly more: boolean };
  readonly desks_down: number;
  readonly bots_down: number;
  readonly channels_down: number;
  readonly operator: { readonly name: string; readonly until: string };
}

export interface Series {
  readonly step_ms: number;
  readonly from_ms: number;
  readonly now_ms: number;
  readonly requests: readonly number[];
  readonly refused: readonly number[];
  readonly deliveries: readonly number[];
  readonly failures: readonly number[];
  readonly p50_ms: readonly (number | null)[];
  readonly p99_ms: readonly (number | null)[];
}

export interface Session {
  readonly id: string;
  readonly conversation: number;
  readonly tenant: string;
  readonly desk: string;
  readonly channel: string | null;
  readonly bot: string | null;
  readonly user: string;
  readonly status: string;
  readonly reason: string | null;
  readonly opened_at: string;
  readonly ended_at: string | null;
  readonly age_ms: number;
  readonly live: {
    readonly phase: string | null;
    readonly agent: string | null;
    readonly transferring: boolean;
    readonly waited_ms: number | null;
    readonly estimate: string | null;
    readonly held: number;
    readonly desk_away: boolean;
    readonly user_away_since: string | null;
  } | null;
}

export interface Entry {
  readonly number: number;
  readonly at: string;
  readonly direction: 'in' | 'out';
  readonly author: 'user' | 'bot' | 'agent' | 'desk' | 'gateway';
  readonly kind:
    | 'said'
    | 'notice'
    | 'context'
    | 'transcript'
    | 'done'
    | 'revised'
    | 'withdrawn'
    | 'gap';
  readonly notice: string | null;
  readonly detail: string | null;
  readonly status: string | null;
}

export interface Effect {
  readonly request_id: string;
  readonly kind: string;
  readonly attempts: number;
  readonly decided_at: string;
  readonly not_before: string | null;
  readonly expires_at: string;
  readonly state: 'waiting' | 'sending' | 'struck';
}

/** Something that passed through the gateway. */
export interface Passage {
  readonly seq: number;
  readonly at: string;
  readonly kind: 'request' | 'event' | 'effect' | 'breaker' | 'session';
  readonly name: string;
  readonly session: string | null;
  readonly outcome: string;
  readonly code: string | null;
  readonly attempt: number | null;
  readonly ms: number | null;
  readonly waited_ms: number | null;
}

export interface Timeline {
  readonly session: Session;
  readonly entries: readonly Entry[];
  readonly next: number | null;
  readonly effects: readonly Effect[];
  readonly passages: readonly Passage[];
}

export interface Letter {
  readonly id: number;
  readonly at: string;
  readonly desk?: string;
  readonly user?: string;
  readonly effect: string;
  readonly session?: string;
  readonly request_id?: string;
  readonly attempts: number;
  readonly reason: string;
  readonly meaning: string;
  readonly unsendable?: { readonly code: string; readonly message: string };
}

export interface Destination {
  readonly kind: 'desk' | 'bot' | 'channel';
  readonly tenant: string;
  readonly name: string;
  readonly breaker: 'closed' | 'open' | 'recovering';
  readonly failures_in_a_row: number | null;
  readonly probe_at: string | null;
  readonly in_flight: number;
  readonly in_flight_max: number;
  readonly last_success_at: string | null;
  readonly last_failure_at: string | null;
  readonly last_failure: string | null;
  readonly attempts: number;
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
}

/** What was refused or never arrived; `message` can be shown to a person. */
export class ConsoleError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'ConsoleError';
    this.code = code;
  }
}

/** Ten seconds: the gateway answers from memory or its own disk. */
const ANSWER_WITHIN_MS = 10_000;

/** Two seconds between attempts when the browser itself has given up on the feed. */
const REOPEN_AFTER_MS = 2_000;

/** What the page asks for later than this after the operator's last touch keeps nobody signed in. */
const TOUCHED_FOR_MS = 60_000;

let touchedAt = 0;
for (const kind of ['pointerdown', 'keydown']) {
  addEventListener(kind, () => (touchedAt = Date.now()), { passive: true });
}

export const overview = () => read<Overview>('overview');
export const series = (since: number | null) =>
  read<Series>(since === null ? 'series' : `series?since=${since}`);
export const destinations = async () =>
  (await read<{ destinations: readonly Destination[] }>('destinations')).destinations;
export const letters = () =>
  read<{ readonly letters: readonly Letter[]; readonly more: boolean }>('dead-letters');
export const timeline = (session: string, after: number | null) =>
  read<Timeline>(
    `sessions/${encodeURIComponent(session)}${after === null ? '' : `?after=${after}`}`,
  );

export function sessions(
  status: string,
  after: string | null,
): Promise<{ readonly sessions: readonly Session[]; readonly next: string | null }> {
  const query = new URLSearchParams();
  if (status !== '') query.set('status', status);
  if (after !== null) query.set('after', after);
  return read(`sessions?${query}`);
}

export const login = (name: string, password: string) => order('login', { name, password });
export const logout = () => order('logout');
export const end = (session: string) => order(`sessions/${encodeURIComponent(session)}/end`);
export const resend = (letter: number) => order(`dead-letters/${letter}/resend`);
export const drop = (letter: number) => order(`dead-letters/${letter}/drop`);

/**
 * Follows what passes until it is told to stop. A broken stream is opened again until it works;
 * `connected` hears whether it does.
 */
export function follow(
  passed: (passage: Passage) => void,
  connected: (yes: boolean) => void,
): () => void {
  let source: EventSource;
  let stopped = false;
  const open = () => {
    source = new EventSource('/console/api/feed');
    source.addEventListener('open', () => connected(true));
    source.addEventListener('passage', (event: MessageEvent<string>) => {
      passed(JSON.parse(event.data) as Passage);
    });
    source.addEventListener('error', () => {
      if (stopped) return;
      connected(false);
      // The browser retries a lost connection by itself, but not after an answer such as 401 or 502.
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(() => stopped || open(), REOPEN_AFTER_MS);
      }
    });
  };
  open();
  return () => {
    stopped = true;
    source.close();
  };
}

async function read<Answer>(path: string): Promise<Answer> {
  const background = Date.now() - touchedAt > TOUCHED_FOR_MS;
  const headers: Record<string, string> = background ? { 'x-warmline-background': '1' } : {};
  const answer = await ask(path, { headers });
  return (await answer.json()) as Answer;
}

async function order(path: string, body?: object): Promise<void> {
  await ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-warmline-console': '1' },
    body: JSON.stringify(body ?? {}),
  });
}

async function ask(path: string, request: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    answer = await fetch(`/console/api/${path}`, { ...request, signal });
  } catch {
    throw new ConsoleError('unreachable', 'The gateway cannot be reached. Is it running?');
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** The API's own words where it gave any, else the status. */
async function refusal(answer: Response): Promise<ConsoleError> {
  const body = (await answer.json().catch(() => null)) as {
    error?: { code?: unknown; message?: unknown };
  } | null;
  const { code, message } = body?.error ?? {};
  return new ConsoleError(
    typeof code === 'string' ? code : `http_${answer.status}`,
    typeof message === 'string' && message !== ''
      ? `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
      : `The gateway answered with status ${answer.status}.`,
  );
}
