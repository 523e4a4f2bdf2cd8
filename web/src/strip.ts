/**
 * The strip in the middle: every step as it happens, plain words first, codes below. Bounded, and it
 * stands still while somebody reads. It is no live region: a screen reader reads it when asked to.
 */

import { byId, element, setText } from './element';
import { forgetWhatWas } from './feed-api';
import type { Passage, Standing } from './feed-api';
import { isKey, locale, say, span } from './language';
import { standingOf, Story } from './story';
import type { Line, Mark, Step } from './story';

/** A reader within this many pixels of the end is following, and the view follows too. */
const FOLLOW_WITHIN_PX = 64;

/** What may wait while the strip is paused; the oldest go, as they would from the strip itself. */
const HELD_MAX = 500;

const TIME = new Intl.DateTimeFormat(locale, {
  hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 1,
});

/** A sign for each standing, so that none is told by its colour alone. */
const SIGN: Readonly<Record<Mark, string>> = { ok: '✓', wait: '…', retry: '↻', bad: '✕', gone: '✕', repeat: '≡' };

export class Strip {
  readonly #list = byId('way-list');
  readonly #empty = byId('way-empty');
  readonly #pause = byId('way-pause');
  readonly #news = byId('way-news');
  readonly #story = new Story();
  readonly #shown = new Map<number, HTMLElement>();
  #held: (() => Step | null)[] = [];
  #paused = false;
  #following = true;

  constructor() {
    this.#pause.addEventListener('click', () => this.#toggle());
    byId('way-clear').addEventListener('click', () => this.#clear());
    this.#list.addEventListener('scroll', () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#list;
      this.#following = scrollHeight - scrollTop - clientHeight < FOLLOW_WITHIN_PX;
    });
    new ResizeObserver(() => this.#follow()).observe(this.#list);
  }

  passage(passage: Passage): void {
    this.#take(() => this.#story.take(passage));
  }

  gateway(standing: Standing): void {
    this.#take(() => this.#story.stands(standing));
  }

  missed(count: number): void {
    setText(this.#news, say('way.missed', { count }));
  }

  #take(happens: () => Step | null): void {
    if (this.#paused) {
      this.#held.push(happens);
      if (this.#held.length > HELD_MAX) this.#held.shift();
      setText(this.#news, say('way.unseen', { count: this.#held.length }));
      return;
    }
    const step = happens();
    if (step && !step.quiet) this.#draw(step);
  }

  #toggle(): void {
    this.#paused = !this.#paused;
    setText(this.#pause, say(this.#paused ? 'way.resume' : 'way.pause'));
    this.#pause.setAttribute('aria-pressed', String(this.#paused));
    if (this.#paused) return;
    setText(this.#news, '');
    for (const happens of this.#held.splice(0)) this.#take(happens);
  }

  #clear(): void {
    forgetWhatWas();
    this.#story.clear();
    this.#held = [];
    this.#shown.clear();
    this.#list.replaceChildren();
    this.#empty.hidden = false;
    setText(this.#news, '');
  }

  #draw(step: Step): void {
    this.#empty.hidden = true;
    const card = render(step);
    const there = this.#shown.get(step.id);
    // Codes that somebody opened stay open while more comes in.
    const open = there?.querySelector('details')?.open === true;
    card.querySelector('details')?.toggleAttribute('open', open);
    if (there) there.replaceWith(card);
    else this.#list.append(card);
    this.#shown.set(step.id, card);
    const kept = new Set(this.#story.steps.map(({ id }) => id));
    for (const [id, old] of this.#shown) {
      if (kept.has(id)) continue;
      old.remove();
      this.#shown.delete(id);
    }
    this.#follow();
  }

  #follow(): void {
    if (this.#following) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

function render(step: Step): HTMLElement {
  const mark = standingOf(step);
  const plain = step.lines.map((line) => [line, plainly(line, step)] as const);
  const lines = plain.filter(([, words]) => words !== null);
  return element(
    'li',
    { class: 'step', 'data-from': step.from, 'data-mark': mark },
    element(
      'p',
      { class: 'step-head' },
      element('span', { class: 'step-title' }, title(step)),
      sign(mark),
    ),
    element(
      'p',
      { class: 'step-from' },
      say(`from.${step.from}`),
      ' · ',
      element('time', { datetime: step.at.toISOString() }, TIME.format(step.at)),
    ),
    element(
      'ul',
      { class: 'step-lines' },
      ...lines.map(([line, words]) =>
        element('li', { class: 'step-line', 'data-mark': line.mark }, words ?? '', timing(line)),
      ),
    ),
    ...codes(step),
  );
}

/** A sign and its word. */
function sign(mark: Mark): HTMLElement {
  return element(
    'span',
    { class: 'mark', 'data-mark': mark },
    element('span', { 'aria-hidden': 'true' }, `${SIGN[mark]} `),
    say(`mark.${mark}`),
  );
}

function codes(step: Step): HTMLElement[] {
  if (step.lines.length === 0) return [];
  const list = step.lines.map(({ passage }) => element('li', {}, code(passage)));
  return [
    element(
      'details',
      { class: 'codes' },
      element('summary', {}, say('way.details')),
      element('ul', {}, ...list),
    ),
  ];
}

/** A passage as an engineer wants it. */
function code(passage: Passage): string {
  const { kind, name, status, outcome, code: why, attempt, ms, waited_ms: waited } = passage;
  return [
    `${kind} ${name}`,
    status === null ? '' : String(status),
    outcome,
    why ?? '',
    attempt === null ? '' : `#${attempt}`,
    ms === null ? '' : span(ms),
    waited === null ? '' : say('line.waited', { time: span(waited) }),
    passage.session === null ? '' : `${passage.session.slice(0, 12)}…`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

function title({ name, awayMs }: Step): string {
  const key = `step.${name}`;
  const time = span(awayMs ?? 0);
  return isKey(key) ? say(key, { time }) : say('step.other', { name });
}

/** Attempts and how long it took, where a viewer would ask. */
function timing({ passage }: Line): HTMLElement {
  const parts: string[] = [];
  if (passage.attempt !== null && passage.attempt > 1) {
    parts.push(say('line.attempt', { count: passage.attempt }));
  }
  const takes = passage.kind === 'request' || passage.kind === 'effect';
  if (takes && passage.ms !== null) parts.push(span(passage.ms));
  return element('span', { class: 'timing' }, parts.map((part) => ` · ${part}`).join(''));
}

/** What a line says without codes; null when the step's title says it already. */
function plainly({ passage }: Line, step: Step): string | null {
  const { kind, name, outcome, waited_ms: waited } = passage;
  const time = span(waited ?? 0);
  switch (kind) {
    case 'event':
      if (outcome === 'repeat') return say('line.repeat');
      if (outcome === 'refused' || outcome === 'failed') return say('line.refused');
      return step.name === 'agent_said' || step.name === 'desk_said' ? say('line.shown') : null;
    case 'request':
      if (passage.status !== null && passage.status >= 400) return say('line.refused');
      if (name === 'webhook') return say('line.webhook');
      return say(name === 'direct_line.post' ? 'line.post' : 'line.request');
    case 'effect': {
      if (outcome !== 'done') {
        const key = `line.${outcome}`;
        return isKey(key) ? say(key) : say('line.failed');
      }
      const key = `line.${name}.done`;
      return isKey(key) ? say(key) : say('line.effect.done', { name });
    }
    case 'session': {
      const key = `line.session.${name}`;
      return isKey(key) ? say(key, { time }) : name;
    }
    case 'breaker':
      return null;
  }
}
