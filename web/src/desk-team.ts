/**
 * Who sits at the desk: the agents, as one of whom the page acts, whether that one is available, and
 * the queues with what waits in them. Hidden where the instance tells nothing of either.
 */

import type { Agent, DeskQueue, DeskState } from './desk-api';
import { element, setText } from './element';
import { say } from './language';

export interface TeamActions {
  readonly act: (agent: string) => void;
  readonly available: (agent: string, yes: boolean) => void;
  readonly open: (queue: string, yes: boolean) => void;
}

interface Seat {
  readonly item: HTMLElement;
  readonly choose: HTMLInputElement;
  readonly name: HTMLElement;
  readonly load: HTMLElement;
}

interface Gate {
  readonly item: HTMLElement;
  readonly open: HTMLInputElement;
  readonly words: HTMLElement;
}

export class Team {
  readonly root: HTMLElement;
  readonly #actions: TeamActions;
  readonly #seats = new Map<string, Seat>();
  readonly #gates = new Map<string, Gate>();
  readonly #agents = element('div', { class: 'seats' });
  readonly #queues = element('div', { class: 'gates', role: 'group', 'aria-label': say('desk.queues') });
  readonly #available = element('input', { type: 'checkbox', role: 'switch' });
  #acting: string | null = null;

  constructor(actions: TeamActions) {
    this.#actions = actions;
    this.#available.addEventListener('change', () => {
      if (this.#acting !== null) actions.available(this.#acting, this.#available.checked);
    });
    this.root = element(
      'div',
      { class: 'team', role: 'group', 'aria-label': say('desk.team'), hidden: true },
      element(
        'fieldset',
        { class: 'acting' },
        element('legend', {}, say('desk.team.as')),
        this.#agents,
        element('label', { class: 'check' }, this.#available, say('desk.team.available')),
      ),
      this.#queues,
    );
  }

  show(state: DeskState, acting: string | null): void {
    this.#acting = acting;
    const agents = state.agents ?? [];
    const queues = state.queues ?? [];
    this.root.hidden = agents.length === 0 && queues.length === 0;
    for (const agent of agents) this.#seat(agent);
    for (const queue of queues) this.#gate(queue);
    forget(this.#seats, agents);
    forget(this.#gates, queues);
    const own = agents.find(({ id }) => id === acting);
    this.#available.checked = own !== undefined && own.state !== 'away';
    this.#queues.hidden = queues.length === 0;
  }

  #seat(agent: Agent): void {
    const seat = this.#seats.get(agent.id) ?? this.#makeSeat(agent.id);
    const state = say(`desk.state.${agent.state}`);
    seat.choose.checked = agent.id === this.#acting;
    seat.item.dataset['state'] = agent.state;
    setText(seat.name, agent.name);
    setText(seat.load, `${state} · ${agent.active}/${agent.capacity}`);
  }

  #makeSeat(id: string): Seat {
    const choose = element('input', { type: 'radio', name: 'acting', value: id, class: 'unseen' });
    const name = element('span', { class: 'seat-name' });
    const load = element('span', { class: 'seat-load' });
    const item = element('label', { class: 'seat' }, choose, name, load);
    choose.addEventListener('change', () => this.#actions.act(id));
    this.#agents.append(item);
    const seat = { item, choose, name, load };
    this.#seats.set(id, seat);
    return seat;
  }

  #gate(queue: DeskQueue): void {
    const gate = this.#gates.get(queue.id) ?? this.#makeGate(queue);
    const waiting = say('desk.queue.waiting', { count: queue.waiting });
    const open = say(queue.open ? 'desk.queue.open' : 'desk.queue.closed');
    gate.open.checked = queue.open;
    const time = queue.waiting > 0 && queue.waitTime ? ` (${queue.waitTime})` : '';
    setText(gate.words, `${queue.name}: ${open}, ${waiting}${time}`);
  }

  #makeGate({ id, name }: DeskQueue): Gate {
    const open = element('input', {
      type: 'checkbox', role: 'switch', 'aria-label': say('desk.queue.toggle', { name }),
    });
    open.addEventListener('change', () => this.#actions.open(id, open.checked));
    const words = element('span');
    const item = element('label', { class: 'gate' }, open, words);
    this.#queues.append(item);
    const gate = { item, open, words };
    this.#gates.set(id, gate);
    return gate;
  }
}

function forget(kept: Map<string, { item: HTMLElement }>, known: readonly { id: string }[]): void {
  for (const [id, { item }] of kept) {
    if (known.some((one) => one.id === id)) continue;
    item.remove();
    kept.delete(id);
  }
}
