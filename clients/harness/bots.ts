/** Bots as processes of their own, as teams run them: in JavaScript and in Python, one SDK each. */

import { createServer } from 'node:net';
import { join } from 'node:path';

import { CLIENTS, Program } from './program.ts';
import type { Environment } from './program.ts';
import { eventually } from './waiting.ts';

/** What a bot got, as its SDK read it. */
export interface Seen {
  readonly type: string;
  readonly id?: string;
  readonly name?: string;
  readonly text?: string;
  readonly value?: unknown;
  readonly conversation?: { readonly id: string };
}

const node = (script: string) => [process.execPath, join(CLIENTS, 'dist', 'bots', script)] as const;

/** How each bot is started, by the name of its SDK. */
export const SDKS = {
  'botbuilder': node('botbuilder.js'),
  '@microsoft/agents-hosting': node('agents.js'),
  'microsoft-agents (Python)': [
    join(CLIENTS, '.venv', 'bin', 'python'), join(CLIENTS, 'bots', 'agents.py'),
  ],
} as const;

export type Sdk = keyof typeof SDKS;

export class Bot {
  readonly #sdk: Sdk;
  readonly #port: number;
  readonly #environment: Environment;
  #program: Program | null = null;

  private constructor(sdk: Sdk, port: number, environment: Environment) {
    this.#sdk = sdk;
    this.#port = port;
    this.#environment = environment;
  }

  static async start(sdk: Sdk, environment: Environment = {}): Promise<Bot> {
    const bot = new Bot(sdk, await freePort(), environment);
    await bot.restart();
    return bot;
  }

  /** What Warmline is told to call. */
  get endpoint(): string {
    return `${this.#origin}/api/messages`;
  }

  get printed(): string {
    return this.#program?.printed ?? '';
  }

  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  /** Starts it (again), on the port it had; what it had seen is forgotten. */
  async restart(): Promise<void> {
    const [program, script] = SDKS[this.#sdk];
    this.#program = new Program(program, [script], { ...this.#environment, PORT: String(this.#port) });
    await this.#program.prints(/listen/);
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
  }

  /** Everything that it got since it was started. */
  async seen(): Promise<Seen[]> {
    return (await (await fetch(`${this.#origin}/seen`)).json()) as Seen[];
  }

  /** The users' words that it got. */
  async heard(): Promise<string[]> {
    return (await this.seen()).flatMap(({ type, text }) => (type === 'message' && text ? [text] : []));
  }

  /** Waits until it has got these words. */
  hears(text: string): Promise<unknown> {
    return eventually(`the bot hears “${text}”`, async () => (await this.heard()).includes(text), () =>
      this.seen());
  }

  /** A slow bot may answer now. */
  async release(): Promise<void> {
    await this.#post('release', {});
  }

  /** It says something by itself, where it was spoken to last. */
  async speaksUp(text: string): Promise<void> {
    await this.#post('remind', { text });
  }

  get #origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async #post(path: string, body: object): Promise<void> {
    const answer = await fetch(`${this.#origin}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`the bot failed: ${answer.status} ${await answer.text()}; ${this.printed}`);
  }
}

/** A port that nobody has at the moment; the SDKs do not tell which they got if asked for any. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
