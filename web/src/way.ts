/**
 * The small picture of the way: user, gateway, ServiceNow, agent. A stretch lights up in the
 * direction in which something passes; each place says in a word how it stands. The words are read
 * out, the lights are for the eye only, since the strip has the same in words.
 */

import type { DeskState } from './desk-api';
import { byId, setText } from './element';
import type { Link, Passage, Standing } from './feed-api';
import { say } from './language';

/** How long a stretch is lit. */
const LIT_MS = 900;

/** From one stretch to the next, so that the eye can follow. */
const APART_MS = 180;

/** A stretch and its direction: from the user's side outwards, or back. */
type Stretch = 'user-out' | 'user-in' | 'desk-out' | 'desk-in' | 'agent-out' | 'agent-in';

export class Way {
  readonly #counts = new Map<Stretch, number>();
  readonly #lit = new Map<Stretch, number>();

  passage({ kind, name, outcome, status }: Passage): void {
    if (kind === 'request' && name === 'direct_line.post') this.#light(['user-out']);
    if (kind === 'request' && name === 'webhook') {
      const shown = status !== null && status < 400;
      this.#light(shown ? ['agent-in', 'desk-in', 'user-in'] : ['agent-in', 'desk-in']);
    }
    if (kind === 'effect' && ['ask', 'say', 'end'].includes(name)) {
      this.#light(outcome === 'done' ? ['desk-out', 'agent-out'] : ['desk-out'], outcome !== 'done');
    }
    if (kind === 'event' && name === 'caught_up') this.#light(['desk-in', 'user-in']);
  }

  gateway(standing: Standing): void {
    this.#place('gateway', `way.${standing.state}`, standing.state === 'up' ? 'good' : 'bad');
  }

  link(link: Link): void {
    const chip = byId('way-link');
    chip.dataset['tone'] = link === 'open' ? 'good' : 'bad';
    setText(chip, say(`way.link.${link}`));
    byId('way-closed').hidden = link !== 'closed';
  }

  desk(state: DeskState): void {
    this.#place('desk', state.down ? 'way.away' : 'way.here', state.down ? 'bad' : 'good');
    const live = state.chats.some((chat) => chat.state === 'live');
    const asked = state.chats.some((chat) => chat.state === 'offered');
    if (state.agent.mode === 'nobody') this.#place('agent', 'way.nobody', 'bad');
    else if (live) this.#place('agent', 'way.live', 'good');
    else this.#place('agent', asked ? 'way.waiting' : 'way.free', asked ? 'busy' : 'good');
  }

  user(online: boolean): void {
    byId('place-user').dataset['tone'] = online ? 'good' : 'bad';
    setText(byId('place-user-is'), say(online ? 'chat.online' : 'chat.connecting'));
  }

  #place(name: string, words: Parameters<typeof say>[0], tone: string): void {
    byId(`place-${name}`).dataset['tone'] = tone;
    setText(byId(`place-${name}-is`), say(words));
  }

  #light(stretches: readonly Stretch[], inVain = false): void {
    stretches.forEach((stretch, place) => {
      setTimeout(() => this.#flash(stretch, inVain), place * APART_MS);
    });
  }

  #flash(stretch: Stretch, inVain: boolean): void {
    const line = byId(stretch);
    line.dataset['lit'] = inVain ? 'vain' : 'yes';
    clearTimeout(this.#lit.get(stretch));
    this.#lit.set(stretch, window.setTimeout(() => delete line.dataset['lit'], LIT_MS));
    if (inVain) return;
    const count = (this.#counts.get(stretch) ?? 0) + 1;
    this.#counts.set(stretch, count);
    setText(byId(`${stretch}-count`), String(count));
  }
}
