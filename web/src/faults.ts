/**
 * The buttons that make something go wrong: each says what one will see, then what did happen. What
 * it says is read off the desk, the gateway's process and both ends of the chat, never assumed.
 */

import * as api from './desk-api';
import type { Armed, DeskState } from './desk-api';
import { byId, element, setText } from './element';
import { kill } from './feed-api';
import type { Standing } from './feed-api';
import { clockSpan, say, span } from './language';
import type { Ledger } from './ledger';
import { inWords } from './ledger';

type Name = 'down' | 'slow' | 'lost' | 'twice' | 'kill';

/** How the desk calls the faults that it has itself. */
const KIND = { slow: 'slow_answer', lost: 'lost', twice: 'duplicated' } as const;

/** Slow enough to be seen, and well below the ten seconds after which an attempt is given up. */
const SLOW_MS = 4_000;
const SLOW_TIMES = 3;

/** Words that a moving clock or the ledger goes into are looked at this often. */
const LOOK_EVERY_MS = 250;

/** How words beside a button are meant: it goes on, something is left to be done, or all is well. */
type State = 'now' | 'todo' | 'then';

/** What somebody has set off, and what has come of it so far; `spoken` is the last that was read out. */
type Going = { spoken?: State } & (
  | { readonly name: 'down'; readonly since: number; lasted: number | null }
  | { readonly name: 'slow' | 'lost' | 'twice'; armed: boolean; left: number }
  | { readonly name: 'kill'; readonly process: number; backAfterMs: number | null }
);

interface Button {
  readonly press: HTMLButtonElement;
  readonly label: HTMLElement;
  readonly words: HTMLElement;
}

export class Faults {
  readonly #ledger: Ledger;
  readonly #buttons = new Map<Name, Button>();
  readonly #going = new Map<Name, Going>();
  readonly #spoken = byId('faults-news');
  readonly #count = byId('faults-count');
  #down = false;
  #online = false;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    const list = byId('faults-list');
    for (const name of ['down', 'slow', 'lost', 'twice', 'kill'] as const) {
      const words = element('span', { class: 'fault-words', id: `fault-${name}` }, say(`fault.${name}.will`));
      const label = element('span', {}, say(`fault.${name}`));
      const press = element(
        'button',
        { type: 'button', class: 'fault-press', 'aria-describedby': words.id, 'data-fault': name },
        label,
      );
      press.addEventListener('click', () => this.#press(name));
      this.#buttons.set(name, { press, label, words });
      list.append(element('li', { class: 'fault' }, press, words));
    }
    this.#toggled(false);
    setInterval(() => this.#draw(), LOOK_EVERY_MS);
  }

  desk(state: DeskState): void {
    if (state.down && !this.#down) {
      this.#going.set('down', { name: 'down', since: Date.now(), lasted: null });
    }
    const going = this.#going.get('down');
    if (!state.down && this.#down && going?.name === 'down') going.lasted = Date.now() - going.since;
    this.#down = state.down;
    this.#toggled(state.down);
    for (const name of ['slow', 'lost', 'twice'] as const) this.#armed(name, state.faults ?? []);
    this.#draw();
  }

  gateway(standing: Standing): void {
    const going = this.#going.get('kill');
    if (standing.state === 'up' && going?.name === 'kill') going.backAfterMs = standing.backAfterMs;
    const press = this.#buttons.get('kill')?.press;
    // It keeps the keyboard's place, so it is not disabled, only without effect.
    press?.setAttribute('aria-disabled', String(standing.state !== 'up'));
    this.#draw();
  }

  /** Whether Web Chat has a connection: only then can it have everything. */
  online(yes: boolean): void {
    this.#online = yes;
  }

  #press(name: Name): void {
    const button = this.#buttons.get(name);
    if (button?.press.getAttribute('aria-disabled') === 'true') return;
    this.#order(name).then(
      () => this.#draw(),
      (error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        this.#going.delete(name);
        this.#tell(name, say('fault.failed', { why }), 'todo');
      },
    );
  }

  async #order(name: Name): Promise<void> {
    switch (name) {
      case 'down':
        return api.change({ down: !this.#down });
      case 'slow':
        await api.inject({ fault: KIND.slow, times: SLOW_TIMES, ms: SLOW_MS });
        this.#going.set(name, { name, armed: true, left: SLOW_TIMES });
        return;
      case 'lost':
      case 'twice':
        await api.inject({ fault: KIND[name], times: 1 });
        this.#going.set(name, { name, armed: true, left: 1 });
        return;
      case 'kill': {
        this.#going.delete(name);
        const process = await kill();
        this.#going.set(name, { name, process, backAfterMs: null });
      }
    }
  }

  #armed(name: 'slow' | 'lost' | 'twice', armed: readonly Armed[]): void {
    const found = armed.find(({ fault }) => fault === KIND[name]);
    const left = typeof found?.times === 'number' ? found.times : 0;
    const going = this.#going.get(name);
    if (going?.name === name) {
      going.armed = left > 0;
      going.left = left;
    } else if (left > 0) {
      this.#going.set(name, { name, armed: true, left });
    }
  }

  #toggled(down: boolean): void {
    const button = this.#buttons.get('down');
    if (!button) return;
    button.press.dataset['on'] = String(down);
    setText(button.label, say(down ? 'fault.down.stop' : 'fault.down'));
  }

  #draw(): void {
    const count = this.#ledger.count();
    setText(this.#count, inWords(count));
    this.#count.dataset['tone'] = count.total === 0 ? '' : count.shown === count.total ? 'good' : 'busy';
    for (const going of this.#going.values()) this.#drawOne(going);
  }

  #drawOne(going: Going): void {
    const count = this.#ledger.count();
    const ledger = inWords(count);
    const whole = count.shown === count.total && this.#online;
    const then = whole ? 'then' : 'now';
    switch (going.name) {
      case 'down': {
        const over = going.lasted !== null;
        const time = going.lasted === null ? clockSpan(Date.now() - going.since) : span(going.lasted);
        const key = over ? 'fault.down.then' : 'fault.down.now';
        return this.#tell('down', say(key, { time, ledger }), over ? then : 'now');
      }
      case 'slow':
        if (going.armed) return this.#tell('slow', say('fault.slow.now', { count: going.left }), 'now');
        return this.#tell('slow', say('fault.slow.then', { ledger }), then);
      case 'lost':
        if (going.armed) return this.#tell('lost', say('fault.lost.now'), 'now');
        if (whole) return this.#tell('lost', say('fault.lost.then', { ledger }), 'then');
        return this.#tell('lost', say('fault.lost.hint', { ledger }), 'todo');
      case 'twice':
        if (going.armed) return this.#tell('twice', say('fault.twice.now'), 'now');
        return this.#tell('twice', say('fault.twice.then', { ledger }), then);
      case 'kill': {
        if (going.backAfterMs === null) {
          return this.#tell('kill', say('fault.kill.now', { process: going.process }), 'now');
        }
        const time = span(going.backAfterMs);
        // Only while nothing is missing may it say so, and what is said later may be missing again.
        const short = this.#online ? 'fault.kill.short' : 'fault.kill.back';
        return this.#tell('kill', say(whole ? 'fault.kill.then' : short, { time, ledger }), then);
      }
    }
  }

  /** Shows words; what does not just go on is also read out, once, so that a running clock does not chatter. */
  #tell(name: Name, words: string, state: State): void {
    const button = this.#buttons.get(name);
    if (!button) return;
    setText(button.words, words);
    button.words.dataset['state'] = state;
    const going = this.#going.get(name);
    if (state === 'now' || going?.spoken === state) return;
    setText(this.#spoken, words);
    if (going) going.spoken = state;
  }
}
