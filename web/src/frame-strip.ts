/** The strip below the top: waiting, talking, over, or without a connection, and the buttons for it. */

import { button, element, setText } from './element';
import type { Connection } from './frame-line';
import { BEGINNING } from './frame-story';
import type { Story } from './frame-story';
import { Teller } from './frame-things';
import type { Say } from './widget-words';

export interface StripOrders {
  /** Ends the live chat, or withdraws the request. */
  end(): void;
  /** Tries to connect anew. */
  retry(): void;
  /** Begins a new conversation in place of one that is gone. */
  begin(): void;
  /** The button that the keyboard was on is gone. */
  leave(): void;
}

/** An end that is older is no news any more. */
const NEWS_FOR_MS = 10 * 60_000;

/** A strip for a connection that comes and goes within this would only flicker. */
const LOST_AFTER_MS = 1_500;

export class Strip {
  readonly root: HTMLElement;
  readonly #teller = new Teller();
  /**
   * What a screen reader is told of it. What the conversation says by a notice is announced there, and
   * not twice.
   */
  readonly news = this.#teller.root;
  readonly #say: Say;
  readonly #orders: StripOrders;
  readonly #words: HTMLElement;
  readonly #more: HTMLElement;
  readonly #clock: HTMLElement;
  readonly #choices: HTMLElement;
  readonly #progress: HTMLElement;
  #story: Story = BEGINNING;
  #connection: Connection = 'connecting';
  #lost = false;
  #losing = 0;
  /** The user has pressed the button to end, and is asked once more. */
  #asked = false;
  /** It was pressed, and the gateway has not said so yet. */
  #ending = false;
  /** Which end the user has put away. */
  #dismissed: number | null = null;
  #shown = '';
  #told = '';

  constructor(say: Say, orders: StripOrders) {
    this.#say = say;
    this.#orders = orders;
    this.#words = element('p', { class: 'strip-words' });
    this.#more = element('span', { class: 'strip-estimate' });
    this.#clock = element('span', { class: 'strip-clock' });
    this.#choices = element('div', { class: 'choices' });
    this.#progress = element('div', { class: 'progress', 'aria-hidden': 'true' });
    const said = element('div', { class: 'strip-said' }, this.#words, this.#more);
    const text = element('div', { class: 'strip-text' }, said, this.#clock);
    this.root = element('section', { class: 'strip', hidden: true }, text, this.#choices, this.#progress);
    setInterval(() => this.#tick(), 1_000);
  }

  story(story: Story): void {
    if (story.phase !== this.#story.phase) this.#asked = this.#ending = false;
    this.#story = story;
    this.#draw();
  }

  connection(connection: Connection): void {
    this.#connection = connection;
    clearTimeout(this.#losing);
    if (connection === 'online') this.#lost = false;
    else if (connection === 'reconnecting') {
      this.#losing = window.setTimeout(() => {
        this.#lost = true;
        this.#draw();
      }, LOST_AFTER_MS);
    }
    this.#draw();
  }

  /** The order to end could not be given; it can be tried again. */
  notEnded(): void {
    this.#ending = false;
    this.#draw();
  }

  /** Takes back the question; false if none was asked. */
  shut(): boolean {
    if (!this.#asked) return false;
    this.#asked = false;
    this.#draw();
    this.#choices.querySelector('button')?.focus();
    return true;
  }

  #draw(): void {
    const what = this.#what();
    this.#tell(what?.news === true ? what.words : '');
    // A button that the keyboard is on stays where it is, whatever else is redrawn.
    const held = this.#choices.contains(document.activeElement);
    this.root.hidden = what === null;
    if (what === null) {
      this.#shown = '';
      this.#choices.replaceChildren();
      if (held) this.#orders.leave();
      return;
    }
    this.root.dataset['tone'] = what.tone;
    setText(this.#words, what.words);
    setText(this.#more, what.more ?? '');
    this.#progress.hidden = what.tone !== 'waiting';
    this.#tick();
    const names = what.buttons.map(([label]) => label).join('|');
    if (names === this.#shown) return;
    this.#shown = names;
    this.#choices.replaceChildren(...what.buttons.map(([label, look, press]) => button(label, look, press)));
    if (!held) return;
    const first = this.#choices.querySelector('button');
    if (first) first.focus();
    else this.#orders.leave();
  }

  #tell(words: string): void {
    if (words === this.#told) return;
    const back = this.#told === this.#say('reconnecting.notice') && words === '';
    this.#told = words;
    this.#teller.tell(back ? this.#say('back') : words);
  }

  #what(): Shown | null {
    const say = this.#say;
    if (this.#connection === 'refused') return { tone: 'bad', words: say('refused'), news: true, buttons: [] };
    if (this.#connection === 'failed') {
      return { tone: 'bad', words: say('failed.notice'), news: true, buttons: [[say('retry'), 'strong', () => this.#orders.retry()]] };
    }
    if (this.#connection === 'gone') {
      return { tone: 'bad', words: say('gone.notice'), news: true, buttons: [[say('fresh'), 'strong', () => this.#orders.begin()]] };
    }
    if (this.#lost) return { tone: 'warn', words: say('reconnecting.notice'), news: true, buttons: [] };
    switch (this.#story.phase) {
      case 'bot':
        return null;
      case 'waiting':
        return this.#waiting();
      case 'live':
        return this.#live();
      case 'over':
        return this.#over();
    }
  }

  #waiting(): Shown {
    const say = this.#say;
    const { estimate } = this.#story;
    const cancel = say(this.#ending ? 'cancelling' : 'cancel');
    return {
      tone: 'waiting',
      words: say('waiting.notice'),
      more: estimate === null ? '' : say('waiting.estimate', { estimate }),
      buttons: [[cancel, 'plain', () => this.#end()]],
    };
  }

  #live(): Shown {
    const say = this.#say;
    const { agent, transferring, delayed } = this.#story;
    if (this.#ending) return { tone: 'live', words: say('ending'), news: true, buttons: [] };
    if (this.#asked) {
      return {
        tone: 'live',
        words: say('end.sure'),
        news: true,
        buttons: [[say('end.no'), 'plain', () => this.shut()], [say('end.yes'), 'grave', () => this.#end()]],
      };
    }
    const named = agent === null ? say('live.notice.unnamed') : say('live.notice', { name: agent });
    const words = transferring ? say('transferring') : delayed ? say('delayed') : named;
    const ask = () => {
      this.#asked = true;
      this.#draw();
    };
    return { tone: delayed ? 'warn' : 'live', words, buttons: [[say('end'), 'plain', ask]] };
  }

  #over(): Shown | null {
    const say = this.#say;
    const { since, ended, agent } = this.#story;
    const old = since !== null && Date.now() - since > NEWS_FOR_MS;
    if (old || this.#dismissed === (since ?? 0)) return null;
    const talked = agent === null ? say('over.notice.unnamed') : say('over.notice', { name: agent });
    const words = { talked, cancelled: say('cancelled.notice'), nobody: say('nobody.notice') }[ended ?? 'talked'];
    const dismiss = () => {
      this.#dismissed = since ?? 0;
      this.#draw();
    };
    return { tone: 'over', words, buttons: [[say('dismiss'), 'plain', dismiss]] };
  }

  #end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#asked = false;
    this.#draw();
    this.#orders.end();
  }

  #tick(): void {
    const { phase, since } = this.#story;
    const counts = phase === 'waiting' && since !== null && !this.#lost;
    const time = counts ? clock(Math.max(0, Date.now() - since)) : '';
    setText(this.#clock, time === '' ? '' : this.#say('waiting.since', { time }));
  }
}

interface Shown {
  readonly tone: 'waiting' | 'live' | 'over' | 'warn' | 'bad';
  readonly words: string;
  /** The conversation does not say it. */
  readonly news?: boolean;
  readonly more?: string;
  readonly buttons: readonly (readonly [label: string, look: string, press: () => void])[];
}

/** Minutes and seconds, as clocks have them. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
