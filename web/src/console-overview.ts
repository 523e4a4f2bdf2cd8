/** The first look: numbers, and the plots of the last fifteen minutes. */

import * as api from './console-api';
import { Plot } from './console-plot';
import { latency, moment, span } from './console-words';
import { element, setText } from './element';

const perSecond = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)}/s`;

export class Overview {
  readonly root: HTMLElement;
  readonly facts = element('span', { class: 'facts quiet' });
  readonly #tiles: Readonly<Record<string, { readonly value: HTMLElement; readonly more: HTMLElement; readonly root: HTMLElement }>>;
  readonly #requests = new Plot('Requests', perSecond);
  readonly #deliveries = new Plot('Deliveries', perSecond);
  readonly #took = new Plot('Time of a delivery', latency);
  #series: api.Series | null = null;

  constructor() {
    const tile = (label: string) => {
      const value = element('dd', { class: 'tile-value' }, '–');
      const more = element('dd', { class: 'tile-more quiet' });
      return { value, more, root: element('div', { class: 'tile' }, element('dt', {}, label), value, more) };
    };
    this.#tiles = {
      waiting: tile('Waiting for an agent'),
      talking: tile('Talking to an agent'),
      letters: tile('Dead letters'),
      away: tile('Desks and bots away'),
    };
    this.root = element(
      'section',
      { 'aria-labelledby': 'overview' },
      element('h2', { id: 'overview' }, 'Overview'),
      element('dl', { class: 'tiles' }, ...Object.values(this.#tiles).map((one) => one.root)),
      element('div', { class: 'plots' }, this.#requests.root, this.#deliveries.root, this.#took.root),
    );
  }

  async ask(): Promise<void> {
    const since = this.#series === null ? null : this.#series.now_ms - this.#series.step_ms;
    // Counters of all tenants together are not for who is bound to some of them.
    const [overview, fresh] = await Promise.all([
      api.overview(),
      api.series(since).catch((error: unknown) => {
        if (error instanceof api.ConsoleError && error.code === 'other_tenants') return null;
        throw error;
      }),
    ]);
    this.#show(overview);
    if (fresh === null) return;
    this.#series = this.#series === null ? fresh : joined(this.#series, fresh);
    this.#plot(this.#series);
  }

  #show(overview: api.Overview): void {
    const { sessions, dead_letters: letters } = overview;
    const oldest = sessions.oldest_waiting_at;
    const waits = oldest === null ? 0 : Date.parse(overview.now) - Date.parse(oldest);
    this.#tile('waiting', `${sessions.waiting}`, oldest === null ? 'nobody waits' : `longest ${span(waits)}`, false);
    const talking = sessions.connected + sessions.active;
    this.#tile('talking', `${talking}`, `in ${sessions.active} somebody has spoken since`, false);
    const count = `${letters.count}${letters.more ? '+' : ''}`;
    this.#tile('letters', count, letters.count > 0 ? 'see below' : 'none now', letters.count > 0);
    const down = overview.desks_down + overview.bots_down + overview.channels_down;
    this.#tile('away', `${down}`, away(overview), down > 0);
    const left = Date.parse(overview.operator.until) - Date.parse(overview.now);
    setText(
      this.facts,
      `version ${overview.version}, running since ${moment(overview.started_at)}; signed in for ${span(left - (left % 60_000))} more at most`,
    );
  }

  #tile(name: string, value: string, more: string, bad: boolean): void {
    const tile = this.#tiles[name];
    if (!tile) return;
    setText(tile.value, value);
    setText(tile.more, more);
    tile.root.dataset['tone'] = bad ? 'bad' : '';
  }

  #plot(series: api.Series): void {
    const rate = (counts: readonly number[]) => counts.map((count) => count / (series.step_ms / 1000));
    const { from_ms: from, step_ms: step } = series;
    this.#requests.show(
      [
        { name: 'answered', values: rate(series.requests) },
        { name: 'of them refused', values: rate(series.refused) },
      ],
      from,
      step,
    );
    this.#deliveries.show(
      [
        { name: 'done', values: rate(series.deliveries) },
        { name: 'failed attempts', values: rate(series.failures) },
      ],
      from,
      step,
    );
    this.#took.show(
      [
        { name: 'half within', values: series.p50_ms },
        { name: '99 % within', values: series.p99_ms },
      ],
      from,
      step,
    );
  }
}

/** Who is away, and what that means to users. */
function away({ desks_down: desks, bots_down: bots, channels_down: channels }: api.Overview): string {
  const count = (many: number, one: string) => `${many} ${one}${many === 1 ? '' : 's'}`;
  const what = [];
  if (desks > 0) what.push(`${count(desks, 'desk')}: words wait`);
  if (bots > 0) what.push(`${count(bots, 'bot')}: users can ask for a person`);
  if (channels > 0) what.push(`${count(channels, 'channel')}: what is for users waits`);
  return what.length === 0 ? 'all take what is for them' : what.join('; ');
}

/** The steps known before, those that came since, and no more than fit. */
function joined(old: api.Series, fresh: api.Series): api.Series {
  const keep = Math.round((fresh.from_ms - old.from_ms) / old.step_ms);
  const most = old.requests.length;
  // After a pause longer than the gateway remembers, or a clock set back, what came is all there is.
  if (keep < 0 || keep > most) return fresh.requests.length >= most ? fresh : old;
  const drop = Math.max(0, keep + fresh.requests.length - most);
  const join = <Value>(before: readonly Value[], after: readonly Value[]) =>
    [...before.slice(0, keep), ...after].slice(drop);
  return {
    ...fresh,
    from_ms: old.from_ms + drop * old.step_ms,
    requests: join(old.requests, fresh.requests),
    refused: join(old.refused, fresh.refused),
    deliveries: join(old.deliveries, fresh.deliveries),
    failures: join(old.failures, fresh.failures),
    p50_ms: join(old.p50_ms, fresh.p50_ms),
    p99_ms: join(old.p99_ms, fresh.p99_ms),
  };
}
