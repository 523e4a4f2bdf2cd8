/**
 * The console behind its door: asks the gateway again and again, and sooner when the feed says that
 * something passed. Its parts draw.
 */

import * as api from './console-api';
import { Destinations } from './console-destinations';
import { Letters } from './console-letters';
import { Overview } from './console-overview';
import { Sessions } from './console-sessions';
import { Timeline } from './console-timeline';
import { button, element, setText } from './element';

/** How often each part is asked for without a reason. */
const OVERVIEW_EVERY_MS = 3_000;
const SESSIONS_EVERY_MS = 4_000;
const LETTERS_EVERY_MS = 10_000;
const DESTINATIONS_EVERY_MS = 4_000;

/** How soon after something passed: many things pass together. */
const AFTER_NEWS_MS = 300;

type PartName = 'overview' | 'sessions' | 'letters' | 'destinations' | 'timeline';

/** One part that is asked for regularly; never twice at a time. */
interface Part {
  readonly every: number;
  readonly ask: () => Promise<void>;
  due: number;
  asking: boolean;
}

export class Console {
  readonly root: HTMLElement;
  readonly #left: (why: string) => void;
  readonly #state = element('span', { class: 'chip', role: 'status' }, 'connecting');
  readonly #news = element('p', { class: 'unseen', role: 'status' });
  readonly #trouble = element('div', { class: 'alert', role: 'alert', hidden: true });
  readonly #timeline = new Timeline({ act: (order, done) => this.#act(order, done) });
  readonly #overview = new Overview();
  readonly #sessions = new Sessions((id) => this.#timeline.open(id));
  readonly #letters = new Letters({
    act: (order, done) => this.#act(order, done),
    open: (id) => this.#timeline.open(id),
  });
  readonly #destinations = new Destinations();
  readonly #parts: Readonly<Record<PartName, Part>>;
  #clock: ReturnType<typeof setInterval> | undefined;
  #unfollow: (() => void) | undefined;
  #following = false;

  constructor(left: (why: string) => void) {
    this.#left = left;
    const part = (every: number, ask: () => Promise<void>): Part => ({ every, ask, due: 0, asking: false });
    this.#parts = {
      overview: part(OVERVIEW_EVERY_MS, () => this.#overview.ask()),
      sessions: part(SESSIONS_EVERY_MS, () => this.#sessions.ask()),
      letters: part(LETTERS_EVERY_MS, () => this.#letters.ask()),
      destinations: part(DESTINATIONS_EVERY_MS, () => this.#destinations.ask()),
      timeline: part(SESSIONS_EVERY_MS, () => this.#timeline.ask()),
    };
    this.#sessions.changed = () => this.#soon('sessions', 0);
    this.#timeline.changed = () => this.#soon('timeline', 0);
    const out = button('Sign out', 'quiet', () => this.#signOut());
    this.root = element(
      'div',
      { class: 'inside' },
      element('a', { class: 'skip', href: '#main' }, 'Skip to the console'),
      element(
        'header',
        { class: 'top' },
        element('h1', {}, 'Warmline console'),
        this.#state,
        this.#overview.facts,
        out,
      ),
      this.#news,
      element(
        'main',
        { id: 'main', tabindex: '-1' },
        this.#trouble,
        this.#overview.root,
        this.#sessions.root,
        this.#letters.root,
        this.#destinations.root,
      ),
      this.#timeline.root,
    );
  }

  begin(): void {
    this.#clock = setInterval(() => this.#tick(), 100);
    this.#unfollow = api.follow(
      (passage) => this.#passed(passage),
      (yes) => {
        this.#following = yes;
        this.#connection();
      },
    );
    this.root.querySelector<HTMLElement>('#main')?.focus({ preventScroll: true });
  }

  stop(): void {
    clearInterval(this.#clock);
    this.#unfollow?.();
    this.#timeline.close();
  }

  #passed(passage: api.Passage): void {
    this.#following = true;
    if (passage.kind === 'request') return;
    if (passage.kind === 'breaker') this.#soon('destinations');
    if (passage.session !== null) this.#soon('sessions');
    if (passage.session !== null && passage.session === this.#timeline.shown) this.#soon('timeline');
    if (passage.outcome === 'failed') this.#soon('letters');
    if (passage.kind === 'session') this.#soon('overview');
  }

  #soon(name: PartName, after = AFTER_NEWS_MS): void {
    const part = this.#parts[name];
    part.due = Math.min(part.due, performance.now() + after);
  }

  /** A page that nobody sees asks nothing. */
  #tick(): void {
    if (document.hidden) return;
    const now = performance.now();
    for (const part of Object.values(this.#parts)) {
      if (part.asking || part.due > now) continue;
      part.asking = true;
      part.due = now + part.every;
      part
        .ask()
        .then(() => this.#well(), (error: unknown) => this.#failed(error))
        .finally(() => (part.asking = false));
    }
    this.#sessions.tick();
  }

  #well(): void {
    if (this.#trouble.dataset['of'] === 'reading') this.#dismiss();
    this.#connection();
  }

  #connection(): void {
    const well = this.#following && this.#trouble.dataset['of'] !== 'reading';
    this.#state.dataset['tone'] = well ? 'good' : 'bad';
    setText(this.#state, well ? 'live' : 'reconnecting');
  }

  #failed(error: unknown): void {
    if (error instanceof api.ConsoleError && error.code === 'signed_out') {
      return this.#left('Your session is over. Sign in again.');
    }
    this.#complain(error, 'reading');
    this.#connection();
  }

  /** Carries out an order; what came of it is said, and everything is asked for again. */
  #act(order: Promise<void>, done: string): Promise<boolean> {
    return order.then(
      () => {
        if (this.#trouble.dataset['of'] === 'order') this.#dismiss();
        setText(this.#news, '');
        setText(this.#news, done);
        this.#all();
        return true;
      },
      (error: unknown) => {
        if (error instanceof api.ConsoleError && error.code === 'signed_out') this.#failed(error);
        else this.#complain(error, 'order');
        this.#all();
        return false;
      },
    );
  }

  #all(): void {
    for (const part of Object.values(this.#parts)) part.due = 0;
  }

  #complain(error: unknown, of: 'reading' | 'order'): void {
    const words = error instanceof Error ? error.message : String(error);
    const code = error instanceof api.ConsoleError ? ` (${error.code})` : '';
    this.#timeline.complain(of === 'order' ? `${words}${code}` : '');
    if (this.#trouble.dataset['of'] === of && this.#trouble.textContent?.startsWith(words)) return;
    this.#trouble.dataset['of'] = of;
    this.#trouble.replaceChildren(
      element('span', {}, `${words}${code}`),
      button('Dismiss', 'quiet', () => this.#dismiss()),
    );
    this.#trouble.hidden = false;
  }

  #dismiss(): void {
    delete this.#trouble.dataset['of'];
    this.#trouble.hidden = true;
    this.#timeline.complain('');
  }

  #signOut(): void {
    api.logout().then(
      () => this.#left('You are signed out.'),
      (error: unknown) => this.#failed(error),
    );
  }
}
