/** The agents' side: the simulated ServiceNow instance, told over its desk API what an agent does. */

import { eventually } from './waiting.ts';
import { Program, WARMLINE } from './program.ts';
import type { Environment } from './program.ts';

export interface Line {
  readonly from: string;
  readonly text: string;
  readonly file?: { readonly name: string; readonly size: number };
}

/** What came as an answer to a question inside the chat. */
export interface Answer {
  readonly text: string;
  readonly typed?: boolean;
  /** Why an instance does not take it. */
  readonly refused?: string | null;
}

export interface Chat {
  readonly id: string;
  readonly userId: string;
  readonly state: string;
  readonly agent: string | null;
  readonly lines: readonly Line[];
  readonly answers: readonly Answer[];
  /** What the bot knew, by name. */
  readonly context: Readonly<Record<string, unknown>>;
}

export class Desk {
  readonly #program: Program;
  readonly #origin: string;
  /** What the gateway must be told to reach this instance. */
  readonly environment: Environment;

  private constructor(program: Program, environment: Environment) {
    this.#program = program;
    this.environment = environment;
    this.#origin = environment['SERVICENOW_INSTANCE'] ?? '';
  }

  static async start(): Promise<Desk> {
    const program = new Program(WARMLINE, ['simulator', '--listen', '127.0.0.1:0']);
    await program.prints(/SERVICENOW_PASSWORD=/);
    const found = program.printed.matchAll(/export ([A-Z_]+)=(\S+)/g);
    return new Desk(program, Object.fromEntries([...found].map(([, name, value]) => [name, value])));
  }

  /** Where its callbacks go. */
  async callBack(webhookUrl: string, secret: string): Promise<void> {
    await this.#send('admin/api/settings', { webhookUrl, webhookAuthorization: `Bearer ${secret}` });
  }

  /** The newest chat of this user, whatever its state. */
  async chatOf(user: string): Promise<Chat | undefined> {
    const { chats } = (await this.#get('desk/api/state')) as { chats: Chat[] };
    return chats.find(({ userId }) => userId === user);
  }

  /** An agent takes the chat of this user as soon as it is there. */
  async accept(user: string): Promise<Chat> {
    const chat = await eventually(`${user} asks for an agent`, async () => {
      const found = await this.chatOf(user);
      return found?.state === 'offered' && found;
    }, () => this.chatOf(user));
    await this.#send(`desk/api/chats/${chat.id}/accept`);
    return chat;
  }

  async says(user: string, text: string): Promise<void> {
    await this.#send(`desk/api/chats/${await this.#open(user)}/write`, { text });
  }

  /** What an agent, or a topic inside the chat, can show besides words. */
  async controls(): Promise<string[]> {
    const listed = (await this.#get('desk/api/controls')) as { name: string }[];
    return listed.map(({ name }) => name);
  }

  async shows(user: string, control: string): Promise<void> {
    await this.#send(`desk/api/chats/${await this.#open(user)}/show`, { control });
  }

  /** The agent sends a file. */
  async sendsFile(user: string, name: string, type: string, bytes: Uint8Array): Promise<void> {
    const path = `desk/api/chats/${await this.#open(user)}/file?name=${encodeURIComponent(name)}`;
    const answer = await fetch(`${this.#origin}/${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: new Uint8Array(bytes),
    });
    if (!answer.ok) throw new Error(`the desk refused ${path}: ${await answer.text()}`);
  }

  /** Waits until the question that stands is answered in the form that an instance takes. */
  async isAnswered(user: string, ...texts: readonly string[]): Promise<void> {
    const answers = async () => (await this.chatOf(user))?.answers ?? [];
    const last = await eventually('the question is answered', async () => (await answers()).at(-1), answers);
    if (last.refused) throw new Error(`the instance refuses “${last.text}”: ${last.refused}`);
    if (texts.length > 0 && !texts.includes(last.text)) {
      throw new Error(`“${last.text}” was answered, and not ${texts.join(' or ')}`);
    }
  }

  async ends(user: string): Promise<void> {
    await this.#send(`desk/api/chats/${await this.#open(user)}/end`);
  }

  async types(user: string): Promise<void> {
    await this.#send(`desk/api/chats/${await this.#open(user)}/typing`, { on: true });
  }

  /** Waits until the agent reads these words of the user. */
  reads(user: string, text: string): Promise<unknown> {
    const there = async () => (await this.linesOf(user)).includes(text);
    return eventually(`the desk reads “${text}”`, there, () => this.linesOf(user));
  }

  /** What the user said in their newest chat, as the agent reads it. */
  async linesOf(user: string): Promise<string[]> {
    const chat = await this.chatOf(user);
    return (chat?.lines ?? []).filter(({ from }) => from === 'user').map(({ text }) => text);
  }

  /** Waits until nothing is on its way between the instance and the gateway. */
  async settled(): Promise<void> {
    await this.#get('admin/api/settled');
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }

  async #open(user: string): Promise<string> {
    const chat = await this.chatOf(user);
    if (!chat) throw new Error(`${user} has no chat at the desk`);
    return chat.id;
  }

  async #get(path: string): Promise<unknown> {
    const answer = await fetch(`${this.#origin}/${path}`);
    if (!answer.ok) throw new Error(`the desk refused ${path}: ${await answer.text()}`);
    return answer.json();
  }

  async #send(path: string, body: object = {}): Promise<void> {
    const answer = await fetch(`${this.#origin}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`the desk refused ${path}: ${await answer.text()}`);
  }
}
