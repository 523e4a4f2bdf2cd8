/** The desks, the bots of one's own, and the channels of users: whether they take what is for them, and how quickly. */

import * as api from './console-api';
import { Table } from './console-table';
import * as words from './console-words';
import { element } from './element';

const STATES: Readonly<
  Record<api.Destination['kind'], Readonly<Record<api.Destination['breaker'], string>>>
> = {
  desk: { closed: 'takes requests', open: 'away: words wait', recovering: 'coming back' },
  bot: {
    closed: 'takes activities',
    open: 'away: users are told, and can ask for a person',
    recovering: 'coming back',
  },
  channel: {
    closed: 'takes what is for users',
    open: 'away: what is for users waits',
    recovering: 'coming back',
  },
};

export class Destinations {
  readonly root: HTMLElement;
  readonly #table = new Table<api.Destination>(
    'Destinations',
    ['Destination', 'Breaker', 'On the way', 'Time of an attempt', 'Last success', 'Last failure'],
    'Loading.',
    (one) => `${one.kind}/${one.tenant}/${one.name}`,
    cells,
  );

  constructor() {
    this.root = element(
      'section',
      { 'aria-labelledby': 'destinations' },
      element('div', { class: 'head' }, element('h2', { id: 'destinations' }, 'Destinations')),
      this.#table.root,
    );
  }

  async ask(): Promise<void> {
    this.#table.show(await api.destinations(), 'No desk is configured.');
  }
}

function cells(one: api.Destination): readonly (Node | string)[] {
  const name = one.tenant === one.name ? one.name : `${one.tenant} / ${one.name}`;
  const failures = one.failures_in_a_row ?? 0;
  const more = failures > 0 ? ` ${failures} failures in a row` : '';
  const state = element(
    'span',
    {},
    element('span', { class: 'badge', 'data-breaker': one.breaker }, one.breaker),
    ` ${STATES[one.kind][one.breaker]}${more}`,
  );
  const took =
    one.p50_ms === null || one.p99_ms === null
      ? '–'
      : `half within ${words.latency(one.p50_ms)}, 99 % within ${words.latency(one.p99_ms)}; ${one.attempts} attempts`;
  const failed = one.last_failure_at === null ? 'none' : words.moment(one.last_failure_at);
  const why = one.last_failure === null ? '' : ` (${words.plain(one.last_failure)})`;
  return [
    `${one.kind} ${name}`,
    state,
    `${one.in_flight} of ${one.in_flight_max} at most`,
    took,
    one.last_success_at === null ? 'none yet' : words.moment(one.last_success_at),
    `${failed}${why}`,
  ];
}
