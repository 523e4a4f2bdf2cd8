/**
 * A program under test as a process: started, watched until it has printed what it prints when it is
 * ready, killed without warning or asked to stop. Nothing of this machine's environment reaches it but
 * where programs are, so a variable that somebody has set cannot change what is tested.
 */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { eventually } from './waiting.ts';

/** The folder of the project; this file runs from `clients/dist/harness`. */
export const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));

/** `clients/` itself. */
export const CLIENTS = join(WORKSPACE, 'clients');

/** The binary under test: what cargo built last, unless the environment names another. */
export const WARMLINE =
  process.env['WARMLINE_BINARY'] ?? join(WORKSPACE, 'target', 'debug', 'warmline');

/** Starting takes a second or two; a busy machine gets much more before a test gives up. */
const START_WITHIN_MS = 60_000;

/** What is asked to stop and has not after this is killed. */
const STOP_WITHIN_MS = 10_000;

export type Environment = Readonly<Record<string, string>>;

const running = new Set<ChildProcess>();

// A test that fails half-way must not leave programs behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #name: string;
  #printed = '';

  constructor(program: string, args: readonly string[], env: Environment = {}) {
    this.#name = `${program} ${args.join(' ')}`;
    const path = process.env['PATH'] ?? '';
    this.#child = spawn(program, args, {
      env: { PATH: path, HOME: process.env['HOME'] ?? '/', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', (error) => {
        this.#printed += `cannot start ${this.#name}: ${error.message}`;
        resolve();
      });
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#printed += chunk.toString();
      });
    }
    void this.#ended.then(() => running.delete(this.#child));
  }

  /** Everything it has printed, on both streams. */
  get printed(): string {
    return this.#printed;
  }

  get over(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits until what it has printed matches. */
  prints(pattern: RegExp): Promise<RegExpMatchArray> {
    const look = () => {
      const match = this.#printed.match(pattern);
      if (!match && this.over) throw new Error(`${this.#name} ended; it printed:\n${this.#printed}`);
      return match;
    };
    return eventually(`${this.#name} prints ${pattern}`, look, () => this.#printed, START_WITHIN_MS);
  }

  /** `kill -9`: it has no time to tidy up. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async stop(): Promise<void> {
    if (this.over) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** A folder that is gone when the test process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'warmline-clients-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
