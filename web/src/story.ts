/**
 * Turns what passes through the gateway into steps that a person can follow: something comes in, and
 * what it leads to stands below it. Pure: knows neither the page nor any language.
 *
 * Passages carry no cause, so a step is found by what can have caused what, first come, first
 * served, within one conversation; the gateway keeps that order too.
 */

import type { Passage, Standing } from './feed-api';

/** Where something comes from. */
export type From = 'user' | 'desk' | 'gateway';

/** How a step stands, or a line of it. */
export type Mark = 'ok' | 'wait' | 'retry' | 'bad' | 'gone' | 'repeat';

/** One thing that happened within a step. Attempts at one thing are one line. */
export interface Line {
  readonly key: string;
  passage: Passage;
  mark: Mark;
}

export interface Step {
  readonly id: number;
  /** What began it: the name of an event, or of what happened to the gateway or its desk. */
  readonly name: string;
  readonly from: From;
  readonly at: Date;
  readonly conversation: number | null;
  readonly lines: Line[];
  /** A mere sign of life, such as typing: it has its place, and is not shown. */
  readonly quiet: boolean;
  /** How long the gateway was away, where that is the news. */
  readonly awayMs?: number | null;
}

/** Steps that are kept; far more than anybody scrolls back in a demo. */
export const STEPS_MAX = 80;

/** A request's answer follows its commit at once; later ones belong to something else. */
const ANSWERED_WITHIN_MS = 3_000;

const FROM_USER = new Set([
  'opened', 'user_said', 'user_did', 'user_seen', 'user_ends', 'user_gone', 'user_away', 'user_back',
  'files_refused',
]);
const FROM_DESK = new Set([
  'callback', 'started', 'queued', 'estimate', 'desk_said', 'active', 'agent_said', 'agent_here',
  'nobody', 'let_go', 'desk_cancelled', 'desk_failed', 'desk_ended', 'caught_up',
]);

/** Events of which a viewer hears in another way: as the outcome of the effect itself. */
const SILENT = new Set(['sent']);

/** Requests that are no part of the story: machines, and the demo itself looking on. */
const MACHINERY = new Set([
  'console', 'health', 'metrics', 'other', 'no_route', 'direct_line.token',
  'direct_line.start', 'direct_line.reconnect', 'direct_line.read', 'direct_line.stream',
]);

/** What a callback is called that brings nothing but typing, while people talk. */
const SIGNS = new Set(['queued', 'started', 'callback']);

/** Events that are as they should be, and tell of something that is not to be. */
const REFUSALS = new Set(['files_refused', 'file_lost', 'file_not_passed_on', 'not_sent']);

/** What can have led to an effect. */
const CAUSES: Readonly<Record<string, ReadonlySet<string>>> = {
  ask: new Set(['user_said', 'bot_asked']),
  say: new Set(['user_said']),
  end: new Set(['user_said', 'user_ends', 'user_away', 'deadline', 'not_sent']),
  to_bot: new Set(['user_said']),
  greet: new Set(['opened']),
};

export class Story {
  readonly steps: Step[] = [];
  /** The conversations whose user has an agent, as far as it was seen. */
  readonly #live = new Set<number>();
  /** The conversations whose user is there, as far as it was seen: to be back is no news then. */
  readonly #here = new Set<number>();
  #away = false;
  #made = 0;

  /** Takes what passed; gives the step that is new or has changed, or nothing. */
  take(passage: Passage): Step | null {
    switch (passage.kind) {
      case 'event':
        if (SILENT.has(passage.name)) return null;
        return this.#begin({ ...passage, name: this.#nameOf(passage) }, fromOf(passage.name), true);
      case 'request':
        return this.#request(passage);
      case 'effect':
        return this.#effect(passage);
      case 'session':
        this.#lives(passage);
        return this.#add(this.#newest(passage) ?? this.#begin(passage, 'gateway', false), passage);
      case 'breaker':
        return this.#begin({ ...passage, name: `breaker.${passage.name}` }, 'gateway', false);
    }
  }

  /** The gateway's process ended, or is back. */
  stands(standing: Standing): Step | null {
    if (standing.state === 'down') {
      // A page that comes again is told once more how it stands.
      if (this.#away) return null;
      this.#away = true;
      this.#here.clear();
      return this.#make('gateway.down', 'gateway', new Date(standing.at), null);
    }
    // That it is up is no news to who did not see it go.
    if (standing.state !== 'up' || standing.backAfterMs === null || !this.#away) return null;
    this.#away = false;
    return this.#make('gateway.up', 'gateway', new Date(standing.at), null, standing.backAfterMs);
  }

  clear(): void {
    this.steps.length = 0;
  }

  /** Each callback of an agent says that the agent is there; that is news only once. So is the user. */
  #nameOf({ name, conversation }: Passage): string {
    if (conversation === null) return name;
    if (name === 'user_back' && this.#here.has(conversation)) return 'sign';
    if (name === 'opened' || name === 'user_back') this.#here.add(conversation);
    if (name === 'user_away') this.#here.delete(conversation);
    if (!this.#live.has(conversation)) return name;
    if (name === 'agent_here') return 'agent_said';
    return SIGNS.has(name) ? 'sign' : name;
  }

  #lives({ name, conversation }: Passage): void {
    if (conversation === null) return;
    if (name === 'connected') this.#live.add(conversation);
    if (['completed', 'fail', 'cancelled'].includes(name)) this.#live.delete(conversation);
  }

  #request(passage: Passage): Step | null {
    if (MACHINERY.has(passage.name)) return null;
    const from = passage.name === 'webhook' ? 'desk' : 'user';
    const at = Date.parse(passage.at);
    const asked = this.steps.findLast(
      (step) =>
        step.from === from &&
        (passage.conversation === null || step.conversation === passage.conversation) &&
        at - step.at.getTime() < ANSWERED_WITHIN_MS &&
        !step.lines.some(({ passage: { kind } }) => kind === 'request'),
    );
    if (asked) return this.#add(asked, passage);
    // What is kept has an event, told before its answer; what has none is typing, which nobody keeps.
    const name = passage.name === 'direct_line.post' && passage.outcome === 'ok' ? 'sign' : 'request';
    return this.#add(this.#begin({ ...passage, name }, from, false), passage);
  }

  #effect(passage: Passage): Step {
    const causes = CAUSES[passage.name];
    const open = this.steps.find(
      ({ conversation, name, lines }) =>
        conversation === passage.conversation &&
        causes?.has(name) === true &&
        !lines.some(({ passage: { kind }, mark }) => kind === 'effect' && mark === 'ok'),
    );
    // Words that only the bot heard have their effect; a later one is for what was said next.
    const step = open ?? this.#newest(passage) ?? this.#begin({ ...passage, name: 'effect' }, 'gateway', false);
    return this.#add(step, passage);
  }

  #newest({ conversation }: Passage): Step | undefined {
    if (conversation === null) return undefined;
    return this.steps.findLast((step) => step.conversation === conversation);
  }

  #begin(passage: Passage, from: From, line: boolean): Step {
    const step = this.#make(passage.name, from, new Date(passage.at), passage.conversation);
    return line ? this.#add(step, passage) : step;
  }

  #make(name: string, from: From, at: Date, conversation: number | null, awayMs?: number): Step {
    this.#made += 1;
    const step: Step = {
      id: this.#made, name, from, at, conversation, lines: [], quiet: name === 'sign',
      ...(awayMs === undefined ? {} : { awayMs }),
    };
    this.steps.push(step);
    if (this.steps.length > STEPS_MAX) this.steps.shift();
    return step;
  }

  #add(step: Step, passage: Passage): Step {
    const key = passage.kind === 'effect' ? `effect ${passage.name}` : `${passage.kind} ${passage.seq}`;
    const mark = markOf(passage);
    const known = step.lines.find((line) => line.key === key && line.mark !== 'ok');
    if (known) {
      known.passage = passage;
      known.mark = mark;
    } else {
      step.lines.push({ key, passage, mark });
    }
    return step;
  }
}

/** How a whole step stands: as its worst line does, and a line that waits is worse than one done. */
export function standingOf(step: Step): Mark {
  if (step.name === 'gateway.down' || step.name === 'breaker.open') return 'gone';
  const marks = new Set(step.lines.map(({ mark }) => mark));
  const worst = (['bad', 'retry', 'wait', 'repeat'] as const).find((mark) => marks.has(mark));
  return worst ?? 'ok';
}

function fromOf(name: string): From {
  if (FROM_USER.has(name)) return 'user';
  return FROM_DESK.has(name) ? 'desk' : 'gateway';
}

function markOf({ kind, name, outcome }: Passage): Mark {
  switch (outcome) {
    case 'ok':
      return kind === 'event' && REFUSALS.has(name) ? 'bad' : 'ok';
    case 'done':
    case 'struck':
      return 'ok';
    case 'repeat':
      return 'repeat';
    case 'retry':
      return 'retry';
    case 'held':
      return 'wait';
    default:
      return 'bad';
  }
}
