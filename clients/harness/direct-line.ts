/** Microsoft's Direct Line library in Node, as a user: says things and keeps what it is shown. */

import './browser-globals.ts';

import { DirectLine } from 'botframework-directlinejs';
import type { Activity, Message } from 'botframework-directlinejs';

import type { Ticket } from './gateway.ts';
import { assertInOrder } from './said.ts';
import type { Shown } from './said.ts';
import { eventually } from './waiting.ts';

/** Direct Line's own numbers for the state of a connection. */
export const Status = { connecting: 1, online: 2, expired: 3, failed: 4, ended: 5 } as const;

export interface Options {
  readonly user: string;
  readonly ticket: Ticket;
  /** Where the service is reached: the gateway, or a proxy before it. */
  readonly origin: string;
  readonly webSocket: boolean;
  /** A conversation that another client has begun. */
  readonly resume?: boolean;
}

export class Client {
  readonly #line: DirectLine;
  readonly #user: string;
  readonly statuses: number[] = [];
  /** Every activity as it came, repeats too. */
  readonly received: Activity[] = [];

  constructor({ user, ticket, origin, webSocket, resume }: Options) {
    this.#user = user;
    this.#line = new DirectLine({
      token: ticket.token,
      domain: `${origin}/v3/directline`,
      webSocket,
      ...(resume ? { conversationId: ticket.conversationId } : {}),
      // The shortest interval that the library takes; a lost socket is looked for after 3 of its
      // 3 to 15 seconds.
      pollingInterval: 200,
      random: () => 0,
    });
    this.#line.connectionStatus$.subscribe((status) => this.statuses.push(status));
    // `end()` raises an error here, so without a handler it would end the process.
    this.#line.activity$.subscribe(
      (activity) => this.received.push(activity),
      () => {},
    );
  }

  /**
   * The messages in the order of a page: by the number that Web Chat sorts by. The library itself hands
   * out the activities of two frames mixed with each other.
   */
  get shown(): Shown[] {
    const place = ({ channelData }: Activity) => Number(channelData?.['webchat:sequence-id']);
    const messages = this.received.filter((activity) => activity.type === 'message');
    return messages.toSorted((one, other) => place(one) - place(other)).map(({ id = '', from, text = '' }) => ({ id, role: from.role ?? '', text }));
  }

  get texts(): string[] {
    return this.shown.map(({ text }) => text);
  }

  /** Posts a message and gives the id that the service answered with. */
  says(text: string, more: object = {}): Promise<string> {
    const activity = { type: 'message', from: { id: this.#user, name: 'Kim' }, text, ...more };
    return new Promise((resolve, reject) => {
      this.#line.postActivity(activity as Activity).subscribe(resolve, reject);
    });
  }

  /** Waits until a message is shown that is, or matches, these words. */
  shows(words: string | RegExp): Promise<Message> {
    return this.sees(`“${words}” is shown`, (activity) => {
      if (activity.type !== 'message') return false;
      const text = activity.text ?? '';
      return typeof words === 'string' ? text === words : words.test(text);
    }) as Promise<Message>;
  }

  /** Waits until all of these words are shown, and checks that they are so once each and in this order. */
  async showsInOrder(expected: readonly string[]): Promise<void> {
    // The library may hand out an answer before the echo of the question.
    const all = () => expected.every((text) => this.texts.includes(text));
    await eventually('all words are shown', all, () => this.texts);
    assertInOrder(this.shown, expected);
  }

  /** Waits for a notice of Warmline's own: `connected`, `ended` … */
  notice(key: string): Promise<Activity> {
    return this.sees(`the notice ${key}`, ({ channelData }) => channelData?.warmline?.notice?.key === key);
  }

  /** Waits for an activity. */
  sees(what: string, fits: (activity: Activity) => boolean): Promise<Activity> {
    return eventually(what, () => this.received.find(fits), () => this.texts);
  }

  end(): void {
    this.#line.end();
  }
}
