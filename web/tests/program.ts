/**
 * Warmline's own binary as a process of a test: started with arguments, watched until it has
 * printed what it prints when it is ready, and ended with the test.
 */

import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds `Cargo.toml`; this file runs from `web/dist-tests`. */
export const WORKSPACE = fileURLToPath(new URL('../..', import.meta.url));

/** Starting takes a second; a busy machine gets much more before a test gives up. */
export const START_WITHIN_MS = 60_000;

/** What is asked to stop and has not after this is killed. */
const STOP_WITHIN_MS = 10_000;

/** The binary under test: what cargo built last, unless the environment names another. */
const BINARY = process.env['WARMLINE_BINARY'] ?? join(WORKSPACE, 'target', 'debug', 'warmline');

export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #printed = '';
  #looking: (() => void)[] = [];

  /** Starts `warmline <args>`; `env` is added to this process's own. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(BINARY, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', (error) => {
        this.#print(`cannot start ${BINARY}: ${error.message} (build it: cargo build)`);
        resolve();
      });
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#print(chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#print(chunk.toString()));
    void this.#ended.then(() => this.#print('\n(the program has ended)\n'));
  }

  /** Everything it has printed, on both streams. */
  get printed(): string {
    return this.#printed;
  }

  /** Waits until what it has printed matches. */
  async prints(pattern: RegExp): Promise<RegExpMatchArray> {
    const deadline = Date.now() + START_WITHIN_MS;
    for (;;) {
      const match = this.#printed.match(pattern);
      if (match) return match;
      const left = deadline - Date.now();
      const over = this.#child.exitCode !== null || this.#child.pid === undefined || left <= 0;
      if (over) throw new Error(`in vain for ${pattern}; it printed:\n${this.#printed}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#looking.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.pid === undefined) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #print(text: string): void {
    this.#printed += text;
    for (const look of this.#looking.splice(0)) look();
  }
}

/** What a command prints that does one thing and ends; rejects where it fails. */
export function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(BINARY, args, { env: { ...process.env, ...env } }, (error, out, told) =>
      error ? reject(new Error(`${args.join(' ')}: ${told}`, { cause: error })) : resolve(out),
    );
  });
}

/** A port of this machine's that nobody has, a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A folder that is gone when the test process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'warmline-web-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A running `warmline demo` on free ports, with data of its own. */
export interface Demo {
  readonly program: Program;
  /** Where the page is, without a slash at the end. */
  readonly origin: string;
  /** Says something to the desk's API, as an agent's program would. */
  desk(path: string, body?: object, method?: string): Promise<unknown>;
  /** Takes back every fault and ends every chat, so that the next test begins on a good day. */
  calm(): Promise<void>;
  stop(): Promise<void>;
}

export async function startDemo(...args: string[]): Promise<Demo> {
  const program = new Program(['demo', '--data-dir', temporaryFolder(), ...args]);
  const [, found] = await program.prints(/Open (http:\/\/[^/\s]+)\//);
  const origin = found ?? '';
  const desk = async (path: string, body: object = {}, method = 'POST') => {
    const answer = await fetch(`${origin}/desk/api/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`the desk refused ${path}: ${await answer.text()}`);
    return answer.status === 204 ? null : await answer.json();
  };
  const calm = async () => {
    await desk('settings', { down: false, mode: 'person' });
    await desk('faults', {}, 'DELETE');
    const { chats, agents } = (await desk('state', {}, 'GET')) as {
      chats: { id: string; state: string }[];
      agents: { id: string }[];
    };
    // Who refuses a chat is away afterwards.
    for (const { id } of agents) await desk(`agents/${id}`, { available: true });
    // A user who is gone keeps an agent for minutes; the next test wants them free.
    for (const { id, state } of chats) {
      if (state === 'offered') await desk(`chats/${id}/accept`);
      if (state !== 'ended') await desk(`chats/${id}/end`);
    }
  };
  return { program, origin, desk, calm, stop: () => program.stop() };
}
