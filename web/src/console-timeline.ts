/** One session's timeline, in a dialog: what was said by whom and when, what was done about it. */

import * as api from './console-api';
import { badge } from './console-sessions';
import * as words from './console-words';
import { button, element, setText } from './element';

/** Pages of the log that are read at most; what is older than that many is not looked for here. */
const PAGES_MAX = 10;

interface Acts {
  act(order: Promise<void>, done: string): Promise<boolean>;
}

interface Moment {
  readonly at: string;
  readonly text: string;
  readonly tone: string;
}

export class Timeline {
  readonly root = element('dialog', { class: 'drawer', 'aria-labelledby': 'timeline' });
  /** Told when another session is to be shown. */
  changed: () => void = () => {};
  readonly #title = element('h2', { id: 'timeline', tabindex: '-1' }, 'Session');
  readonly #status = element('span');
  readonly #facts = element('dl', { class: 'facts-list' });
  readonly #trouble = element('p', { class: 'alert', role: 'alert', hidden: true });
  readonly #waiting = element('ul', { class: 'waiting' });
  readonly #waitingHead = element('h3', {}, 'Waits to be delivered');
  readonly #list = element('ol', { class: 'moments', 'aria-label': 'What happened' });
  readonly #end = button('End this chat', 'danger', () => this.#ask(true));
  readonly #sure = element('div', { class: 'sure', hidden: true });
  readonly #endNow = button('End the chat now', 'danger', () => void this.#endsNow());
  readonly #acts: Acts;
  #drawn = '';
  #shown: string | null = null;

  constructor(acts: Acts) {
    this.#acts = acts;
    this.#sure.append(
      element('p', {}, 'The user, the agent and the bot are told. What was not delivered yet is not sent any more.'),
      element('div', { class: 'buttons' }, this.#endNow, button('Keep it', 'quiet', () => this.#ask(false))),
    );
    const close = button('Close', 'quiet', () => this.root.close());
    this.root.append(
      element('div', { class: 'head' }, this.#title, this.#status, close),
      this.#trouble,
      this.#facts,
      this.#end,
      this.#sure,
      this.#waitingHead,
      this.#waiting,
      element('h3', {}, 'What happened'),
      element(
        'p',
        { class: 'quiet' },
        'Who and when, never what was said. Attempts are remembered since the gateway was started, the newest of them only.',
      ),
      this.#list,
    );
    this.root.addEventListener('close', () => (this.#shown = null));
    // A touch beside the drawer closes it.
    this.root.addEventListener('click', (event) => {
      if (event.target === this.root) this.root.close();
    });
  }

  /** The session that is shown. */
  get shown(): string | null {
    return this.#shown;
  }

  open(id: string): void {
    this.#shown = id;
    this.#drawn = '';
    setText(this.#title, `Session ${id}`);
    this.#status.replaceChildren();
    this.#facts.replaceChildren();
    this.#list.replaceChildren(element('li', { class: 'quiet' }, 'Loading.'));
    this.#waiting.replaceChildren();
    this.#waitingHead.hidden = true;
    this.#end.hidden = true;
    this.#sure.hidden = true;
    this.complain('');
    if (!this.root.open) this.root.showModal();
    this.#title.focus();
    this.changed();
  }

  close(): void {
    if (this.root.open) this.root.close();
  }

  /** What went wrong with an order, where the operator sees it; nothing takes it away. */
  complain(trouble: string): void {
    this.#trouble.hidden = trouble === '';
    setText(this.#trouble, trouble);
  }

  async ask(): Promise<void> {
    const id = this.#shown;
    if (id === null) return;
    try {
      const [first, entries, whole] = await this.#read(id);
      if (this.#shown === id) this.#draw(first, entries, whole);
    } catch (error) {
      if (!(error instanceof api.ConsoleError) || error.code !== 'no_such_session') throw error;
      this.complain(error.message);
      this.#list.replaceChildren();
    }
  }

  async #read(id: string): Promise<[api.Timeline, readonly api.Entry[], boolean]> {
    const first = await api.timeline(id, null);
    const entries = [...first.entries];
    let next = first.next;
    for (let page = 1; next !== null && page < PAGES_MAX; page += 1) {
      const more = await api.timeline(id, next);
      entries.push(...more.entries);
      next = more.next;
    }
    return [first, entries, next === null];
  }

  #draw(timeline: api.Timeline, entries: readonly api.Entry[], whole: boolean): void {
    const { session, effects, passages } = timeline;
    const open = session.ended_at === null;
    const drawn = JSON.stringify([session.status, session.live, entries, effects, passages]);
    this.#drawFacts(session);
    this.#end.hidden = !open || !this.#sure.hidden;
    if (!open) this.#sure.hidden = true;
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#status.replaceChildren(badge(session.status));
    this.#waitingHead.hidden = effects.length === 0;
    this.#waiting.replaceChildren(...effects.map((effect) => element('li', {}, waits(effect))));
    const moments = [...entries.map(ofEntry), ...passages.filter(worthShowing).map(ofPassage)];
    moments.sort((a, b) => a.at.localeCompare(b.at));
    const items = moments.map((one) =>
      element('li', { 'data-tone': one.tone }, element('time', { datetime: one.at }, words.exact(one.at)), element('span', {}, one.text)),
    );
    if (!whole) items.push(element('li', { class: 'quiet' }, 'There are more entries than are shown here.'));
    if (items.length === 0) items.push(element('li', { class: 'quiet' }, 'Nothing is known any more.'));
    this.#list.replaceChildren(...items);
  }

  #drawFacts(session: api.Session): void {
    const live = session.live;
    const facts: [string, string | null][] = [
      ['Opened', words.moment(session.opened_at)],
      ['Ended', session.ended_at === null ? null : words.moment(session.ended_at)],
      ['Reason', session.reason === null ? null : words.plain(session.reason)],
      [session.ended_at === null ? 'Age' : 'Lasted', words.span(session.age_ms)],
      ['Wait for an agent', live?.waited_ms == null ? null : words.span(live.waited_ms)],
      ['Agent', live?.agent ?? null],
      ['Desk', session.desk],
      ['Channel', session.channel],
      ['Bot', session.bot],
      ['User', session.user],
    ];
    const shown = facts.filter((fact): fact is [string, string] => fact[1] !== null);
    this.#facts.replaceChildren(
      ...shown.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    );
  }

  #ask(sure: boolean): void {
    this.#sure.hidden = !sure;
    this.#end.hidden = sure;
    (sure ? this.#endNow : this.#end).focus();
  }

  async #endsNow(): Promise<void> {
    const id = this.#shown;
    if (id === null || this.#endNow.disabled) return;
    this.#endNow.disabled = true;
    await this.#acts.act(api.end(id), `Session ${id} was ended.`);
    this.#endNow.disabled = false;
    this.#sure.hidden = true;
    this.#title.focus();
  }
}

function waits(effect: api.Effect): string {
  const what = words.effect(effect.kind);
  const tried = effect.attempts > 0 ? `, attempt ${effect.attempts}` : '';
  switch (effect.state) {
    case 'struck':
      return `${what}: will not be sent any more`;
    case 'sending':
      return `${what}: being sent${tried}`;
    case 'waiting': {
      const next = effect.not_before === null ? '' : `, not before ${words.moment(effect.not_before)}`;
      return `${what}: waits${tried}${next}, until ${words.moment(effect.expires_at)} at most`;
    }
  }
}

function ofEntry(entry: api.Entry): Moment {
  const number = `entry ${entry.number}`;
  const becomes = entry.status === null ? '' : `; status ${entry.status}`;
  switch (entry.kind) {
    case 'said':
      return { at: entry.at, text: `${words.said(entry.author)} (${number})`, tone: entry.author };
    case 'context':
    case 'transcript':
    case 'done':
    case 'revised':
    case 'withdrawn':
      return { at: entry.at, text: `${words.did(entry.kind, entry.author)} (${number})`, tone: entry.author };
    case 'gap':
      return { at: entry.at, text: `Not readable any more (${number})`, tone: 'bad' };
    case 'notice': {
      const detail = entry.detail === null ? '' : `: ${words.detail(entry.detail)}`;
      const text = `${words.notice(entry.notice ?? '')}${detail}${becomes} (${number})`;
      return { at: entry.at, text, tone: entry.status === null ? 'gateway' : 'status' };
    }
  }
}

/** Events are what the entries tell already. */
const worthShowing = (passage: api.Passage) => passage.kind === 'effect';

function ofPassage(passage: api.Passage): Moment {
  const took = passage.ms === null ? '' : ` in ${words.latency(passage.ms)}`;
  const attempt = passage.attempt === null || passage.attempt === 0 ? '' : `, attempt ${passage.attempt}`;
  const code = passage.code === null ? '' : ` (${words.plain(passage.code)})`;
  const what = words.effect(passage.name);
  const text = `${what.charAt(0).toUpperCase()}${what.slice(1)}: ${passage.outcome}${code}${took}${attempt}`;
  return { at: passage.at, text, tone: passage.outcome === 'done' ? 'good' : 'bad' };
}
