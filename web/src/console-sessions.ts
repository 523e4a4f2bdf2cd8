/** Live chats that are open, a page at a time. */

import * as api from './console-api';
import { Table } from './console-table';
import { plain, span } from './console-words';
import { button, element, setText } from './element';

export class Sessions {
  readonly root: HTMLElement;
  /** Told when something else is to be shown. */
  changed: () => void = () => {};
  readonly #table: Table<api.Session>;
  readonly #status = element('select', { id: 'status' });
  readonly #next = button('Next page', 'quiet', () => this.#page(this.#after));
  readonly #first = button('First page', 'quiet', () => this.#page(null));
  readonly #known = element('input', { id: 'known', type: 'search', placeholder: 'ses_…', autocomplete: 'off', spellcheck: 'false' });
  readonly #ages = new Map<HTMLElement, number>();
  /** Where this page begins, and where the next does. */
  #from: string | null = null;
  #after: string | null = null;

  constructor(open: (id: string) => void) {
    for (const [value, label] of Object.entries({
      '': 'all',
      waiting: 'waiting',
      connected: 'connected',
      active: 'active',
    })) {
      this.#status.append(element('option', { value }, label));
    }
    this.#status.addEventListener('change', () => this.#page(null));
    this.#table = new Table<api.Session>(
      'Open sessions',
      ['Session', 'Status', 'Age', 'Wait for an agent', 'Agent', 'Desk', 'Channel', 'User'],
      'Loading.',
      (session) => session.id,
      (session) => this.#cells(session, open),
    );
    const look = element('form', { class: 'look', role: 'search' }, element('label', { for: 'known' }, 'Any session by its id'), this.#known, element('button', { type: 'submit' }, 'Open'));
    look.addEventListener('submit', (event) => {
      event.preventDefault();
      const id = this.#known.value.trim();
      if (id !== '') open(id);
    });
    this.root = element(
      'section',
      { 'aria-labelledby': 'sessions' },
      element(
        'div',
        { class: 'head' },
        element('h2', { id: 'sessions' }, 'Open sessions'),
        element('label', { for: 'status' }, 'Status'),
        this.#status,
        look,
      ),
      this.#table.root,
      element('div', { class: 'pages' }, this.#first, this.#next),
    );
    this.#first.hidden = this.#next.hidden = true;
  }

  async ask(): Promise<void> {
    const [status, from] = [this.#status.value, this.#from];
    const page = await api.sessions(status, from);
    // Something else was chosen meanwhile.
    if (status !== this.#status.value || from !== this.#from) return;
    this.#after = page.next;
    this.#next.hidden = page.next === null;
    this.#first.hidden = from === null;
    const kind = status === '' ? '' : ` with status ${status}`;
    // What changes with every look is left to the clock, so that rows stay as they are.
    const now = performance.now();
    for (const session of page.sessions) this.#since.set(session.id, { at: now, age: session.age_ms, waited: session.live?.waited_ms ?? null });
    this.#table.show(page.sessions.map(still), `There is no open session${kind}.`);
    for (const id of this.#since.keys()) {
      if (!page.sessions.some((session) => session.id === id)) this.#since.delete(id);
    }
  }

  readonly #since = new Map<string, { at: number; age: number; waited: number | null }>();

  /** The clocks run between two answers. */
  tick(): void {
    const now = performance.now();
    for (const [cell, kind] of this.#ages) {
      const id = cell.dataset['session'] ?? '';
      const since = this.#since.get(id);
      if (!cell.isConnected) this.#ages.delete(cell);
      else if (since) {
        const ran = now - since.at;
        const waits = cell.dataset['waits'] === 'yes';
        const shown = kind === 0 ? since.age + ran : since.waited === null ? null : since.waited + (waits ? ran : 0);
        setText(cell, shown === null ? '–' : span(shown));
      }
    }
  }

  #page(from: string | null): void {
    this.#from = from;
    this.changed();
  }

  #cells(session: api.Session, open: (id: string) => void): readonly (Node | string)[] {
    const live = session.live;
    const clock = (kind: number) => {
      const cell = element('span', { 'data-session': session.id, 'data-waits': session.status === 'waiting' ? 'yes' : 'no' }, '–');
      this.#ages.set(cell, kind);
      return cell;
    };
    const name = button(session.id.slice(-8), 'link', () => open(session.id));
    name.setAttribute('aria-label', `${session.id.slice(-8)}: timeline of session ${session.id}`);
    name.title = session.id;
    const status = element('span', {}, badge(session.status), ` ${about(session)}`);
    const bot = session.bot === null ? '' : ` (${session.bot})`;
    return [
      name,
      status,
      clock(0),
      clock(1),
      live?.agent ?? '–',
      session.desk,
      `${session.channel ?? 'gone'}${bot}`,
      session.user,
    ];
  }
}

/** A status as a badge. */
export function badge(status: string): HTMLElement {
  return element('span', { class: 'badge', 'data-status': status }, status);
}

/** What is to be said of a session besides its status. */
function about(session: api.Session): string {
  const live = session.live;
  if (!live) return '';
  const parts: string[] = [];
  if (live.phase !== null) parts.push(plain(live.phase));
  if (live.estimate !== null) parts.push(`estimate ${live.estimate}`);
  if (live.held > 0) parts.push(`${live.held} messages held`);
  if (live.transferring) parts.push('being passed on');
  if (live.desk_away) parts.push('desk away');
  if (live.user_away_since !== null) parts.push('user away');
  return parts.join(', ');
}

/** A session without what changes with every look. */
function still(session: api.Session): api.Session {
  const live = session.live === null ? null : { ...session.live, waited_ms: null };
  return { ...session, age_ms: 0, live };
}
