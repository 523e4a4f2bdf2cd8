/**
 * Warmline as its users run it: the real binary with an environment, a data folder and a simulated
 * ServiceNow; killed and started again on the same port and the same data.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Desk } from './desk.ts';
import { Program, WARMLINE, temporaryFolder } from './program.ts';
import type { Environment } from './program.ts';

const WEBHOOK_SECRET = 'webhook-secret-of-the-client-tests-0123456789';
const DIRECT_LINE_SECRET = 'direct-line-secret-of-the-client-tests-0123456789';

/** What a page is given by its own server. */
export interface Ticket {
  readonly token: string;
  readonly conversationId: string;
}

export class Gateway {
  readonly desk: Desk;
  readonly #environment: Environment;
  #program: Program | null = null;
  #port = 0;

  private constructor(desk: Desk, environment: Environment) {
    this.desk = desk;
    this.#environment = environment;
  }

  /**
   * Starts an installation; `environment` is added to what every one needs, and `file` is a
   * configuration file for what has no variable.
   */
  static async start(environment: Environment = {}, file = ''): Promise<Gateway> {
    const desk = await Desk.start();
    const folder = temporaryFolder();
    const config = join(folder, 'warmline.toml');
    writeFileSync(config, file, { mode: 0o600 });
    const gateway = new Gateway(desk, {
      ...desk.environment,
      WEBHOOK_SECRET,
      DIRECT_LINE_SECRET,
      WARMLINE_CONFIG: config,
      WARMLINE_DATA_DIR: join(folder, 'data'),
      ...environment,
    });
    try {
      await gateway.restart();
      await desk.callBack(`${gateway.origin}/api/v1/snowBot/receiveMessage`, WEBHOOK_SECRET);
    } catch (error) {
      // What has been started would keep the test process from ending.
      await gateway.stop();
      throw error;
    }
    return gateway;
  }

  get port(): number {
    return this.#port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What the gateway has printed since it was started last; for a test that fails. */
  get printed(): string {
    return this.#program?.printed ?? '';
  }

  async kill(): Promise<void> {
    await this.#program?.kill();
  }

  /** Starts it (again), on the port and the data it had. */
  async restart(): Promise<void> {
    const listen = `127.0.0.1:${this.#port}`;
    this.#program = new Program(WARMLINE, ['serve'], { ...this.#environment, WARMLINE_LISTEN: listen });
    const [, port] = await this.#program.prints(/warmline listens on http:\/\/127\.0\.0\.1:(\d+)/);
    this.#port = Number(port);
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    await this.desk.stop();
  }

  /** What the site's own server does before it shows a page: asks for a token for its user. */
  ticket(user: string, name = 'Kim'): Promise<Ticket> {
    return this.#ask('tokens/generate', { user: { id: user, name } });
  }

  /** What it does for a page that has lost its token: asks for another for the same conversation. */
  ticketAgain(user: string, conversationId: string): Promise<Ticket> {
    return this.#ask(`conversations/${conversationId}/tokens`, { user: { id: user } });
  }

  async #ask(path: string, body: object): Promise<Ticket> {
    const answer = await fetch(`${this.origin}/v3/directline/${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${DIRECT_LINE_SECRET}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Ticket;
  }
}

let users = 0;

/** A user whom nobody else in this test process is; `what` makes failures readable. */
export function somebody(what: string): string {
  users += 1;
  return `dl_${what.replaceAll(/\W/g, '-')}-${process.pid}-${users}`;
}
