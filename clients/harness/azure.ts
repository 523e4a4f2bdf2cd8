/**
 * The stand-in for Azure as a program: people in Teams who write to a bot, tokens right and forged, and
 * a Connector that records what the bot sends. The SDKs judge its tokens, and it judges theirs.
 */

import { dirname, join } from 'node:path';

import { Program, WARMLINE } from './program.ts';
import { eventually } from './waiting.ts';

/** The tenant of everything here, unless the program is told another. */
export const AZURE_TENANT = '5c0ffee0-0000-4000-8000-2d7cd011db47';

/** Cargo puts both programs into one folder. */
const STAND_IN = join(dirname(WARMLINE), 'azure-stand-in');

export interface App {
  readonly id: string;
  readonly secret: string;
}

export interface Chat {
  readonly id: string;
  readonly people: readonly { readonly id: string; readonly name: string }[];
}

export type Activity = Record<string, unknown>;

/** What the Connector got, and what became of it. */
export interface Received {
  readonly call: string;
  readonly path: string;
  readonly conversation: string;
  readonly about: string | null;
  readonly appId: string | null;
  readonly body: { readonly type?: string; readonly text?: string; readonly replyToId?: string } | null;
  readonly outcome: { readonly answered?: number };
  readonly taken: string | null;
}

/** How a token differs from a good one; without `resource` it is a channel's. */
export interface Forgery {
  readonly appId?: string;
  readonly resource?: string;
  readonly header?: Activity;
  readonly claims?: Activity;
  readonly signature?: 'good' | 'other_key' | 'confused' | 'none' | 'changed';
}

export class Azure {
  readonly #program: Program;
  readonly #app: App;
  readonly origin: string;

  private constructor(program: Program, app: App, origin: string) {
    this.#program = program;
    this.#app = app;
    this.origin = origin;
  }

  static async start(app: App): Promise<Azure> {
    const program = new Program(STAND_IN, ['--listen', '127.0.0.1:0'], {
      MicrosoftAppId: app.id,
      MicrosoftAppPassword: app.secret,
    });
    const [, origin] = await program.prints(/azure-stand-in listens on (http:\/\/127\.0\.0\.1:\d+)/);
    return new Azure(program, app, origin ?? '');
  }

  /** What a bot of this app is started with. */
  get environment(): Readonly<Record<string, string>> {
    return {
      MicrosoftAppId: this.#app.id,
      MicrosoftAppPassword: this.#app.secret,
      MicrosoftAppTenantId: AZURE_TENANT,
      MicrosoftAppType: 'SingleTenant',
      ToChannelFromBotLoginUrl: `${this.origin}/${AZURE_TENANT}`,
      ToBotFromChannelOpenIdMetadataUrl: `${this.origin}/v1/.well-known/openidconfiguration`,
      ToBotFromEmulatorOpenIdMetadataUrl:
        `${this.origin}/common/v2.0/.well-known/openid-configuration`,
    };
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }

  /** Where the bot is. */
  async delivers(endpoint: string): Promise<void> {
    await this.order('endpoint', { appId: this.#app.id, url: endpoint });
  }

  async chat(kind: 'personal' | 'group' | 'channel', ...names: string[]): Promise<Chat> {
    const people = names.map((name) => ({ name, email: `${name.replaceAll(' ', '.')}@example.org` }));
    return (await this.order('chats', { appId: this.#app.id, kind, people })) as unknown as Chat;
  }

  /** Somebody says something; the bot takes it. Gives back the activity. */
  async says(chat: Chat, text: string): Promise<Activity> {
    const said = await this.order('say', { chat: chat.id, text });
    if (said['status'] !== 200) throw new Error(`the bot answered ${JSON.stringify(said)}`);
    return said['activity'] as Activity;
  }

  /** A token, good unless it is told otherwise. */
  async token(forgery: Forgery = {}): Promise<string> {
    const { token } = await this.order('tokens', { appId: this.#app.id, ...forgery });
    return String(token);
  }

  async received(): Promise<Received[]> {
    return ((await this.#look('requests')) as { entries: Received[] }).entries;
  }

  async grants(): Promise<{ appId: string; resource: string; token: string }[]> {
    const { grants } = (await this.#look('grants')) as { grants: never[] };
    return grants;
  }

  /** Waits until the bot has sent this into the chat, and gives the request. */
  shows(chat: Chat, text: string | RegExp): Promise<Received> {
    const fits = ({ conversation, body, taken }: Received) =>
      conversation === chat.id && taken !== null
      && (typeof text === 'string' ? body?.text === text : text.test(body?.text ?? ''));
    return eventually(`the Connector gets ${text}`, async () => (await this.received()).find(fits), () =>
      this.received());
  }

  async order(path: string, body: object): Promise<Activity> {
    const answer = await fetch(`${this.origin}/admin/api/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text ? (JSON.parse(text) as Activity) : {};
  }

  async #look(path: string): Promise<unknown> {
    return (await fetch(`${this.origin}/admin/api/${path}`)).json();
  }
}
