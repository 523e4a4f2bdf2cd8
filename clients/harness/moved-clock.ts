/** A gateway whose wall clock a test moves while it runs, for what takes hours; as the tests in Rust do. */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { WORKSPACE, temporaryFolder } from './program.ts';
import type { Environment } from './program.ts';

export class MovedClock {
  readonly #file: string;
  /** What the gateway is started with. */
  readonly environment: Environment;

  constructor() {
    const folder = temporaryFolder();
    const library = join(folder, 'moved_clock.so');
    const source = join(WORKSPACE, 'crates', 'warmline', 'tests', 'it', 'moved_clock.c');
    // The compiler that cargo links with.
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source]);
    this.#file = join(folder, 'moved-clock');
    writeFileSync(this.#file, bytes(0));
    this.environment = { LD_PRELOAD: library, MOVED_CLOCK: this.#file };
  }

  /** From now on the gateway's clock is this far ahead of the system's. */
  set(ms: number): void {
    // In place: the gateway has the file mapped.
    const file = openSync(this.#file, 'r+');
    writeSync(file, bytes(ms), 0, 8, 0);
    closeSync(file);
  }
}

function bytes(ms: number): Buffer {
  const buffer = Buffer.alloc(8);
  new BigInt64Array(buffer.buffer, buffer.byteOffset, 1)[0] = BigInt(ms);
  return buffer;
}
