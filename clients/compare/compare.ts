/**
 * A user's message to the bot and its reply back: through Warmline, through `offline-directline`, and
 * without anything between, in interleaved rounds of one run, since a machine is never twice the same.
 * What counts are the ratios, not the figures.
 */

import { join } from 'node:path';

import { CLIENTS, Program, WARMLINE } from '../harness/program.ts';
import { direct, offlineDirectLine, warmline } from './ways.ts';
import type { Way } from './ways.ts';

const ROUNDS = 7;

/** Messages of one user, each after the answer to the one before. */
const SEQUENTIAL = 200;

/** Users at once, and how much each says. */
const USERS = 32;
const MESSAGES = 25;

/** What one way did in one round. */
interface Round {
  readonly alone: readonly number[];
  readonly alonePerSecond: number;
  readonly together: readonly number[];
  readonly togetherPerSecond: number;
}

async function timed(talks: readonly { say(text: string): Promise<void> }[], messages: number) {
  const spans: number[] = [];
  const begun = performance.now();
  await Promise.all(talks.map(async (talk) => {
    for (let number = 0; number < messages; number += 1) {
      const said = performance.now();
      await talk.say(`word ${number} ${crypto.randomUUID()}`);
      spans.push(performance.now() - said);
    }
  }));
  return { spans, perSecond: (spans.length * 1_000) / (performance.now() - begun) };
}

async function round(way: Way): Promise<Round> {
  const talks = await Promise.all(Array.from({ length: USERS }, () => way.talk()));
  const alone = await timed(talks.slice(0, 1), SEQUENTIAL);
  const together = await timed(talks, MESSAGES);
  for (const talk of talks) talk.end();
  return {
    alone: alone.spans,
    alonePerSecond: alone.perSecond,
    together: together.spans,
    togetherPerSecond: together.perSecond,
  };
}

function at(share: number, figures: readonly number[]): number {
  const sorted = [...figures].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

const median = (figures: readonly number[]) => at(0.5, figures);

/** The figures of one way, beside those of the bot itself in the same rounds. */
function line(way: Way, rounds: readonly Round[], base: readonly Round[]): string {
  const row = (spans: 'alone' | 'together', rate: 'alonePerSecond' | 'togetherPerSecond') => {
    const all = rounds.flatMap((one) => one[spans]);
    const ratio = (of: (one: Round) => number) =>
      median(rounds.map((one, index) => of(one) / of(base[index] ?? one))).toFixed(2);
    const figures = [median(rounds.map((one) => one[rate])).toFixed(0), at(0.5, all).toFixed(2), at(0.99, all).toFixed(2)];
    const ratios = [
      ratio((one) => one[rate]), ratio((one) => at(0.5, one[spans])), ratio((one) => at(0.99, one[spans])),
    ];
    return `${figures.map((figure, index) => `${figure} (${ratios[index]})`).join(' | ')}`;
  };
  return `| ${way.name} | ${row('alone', 'alonePerSecond')} | ${row('together', 'togetherPerSecond')} | ${way.keeps} |`;
}

const bot = new Program(process.execPath, [join(CLIENTS, 'dist', 'compare', 'bot.js')]);
const [, port] = await bot.prints(/listens on (\d+)/);
const endpoint = `http://127.0.0.1:${port}/api/messages`;
const ways = [direct(endpoint), await warmline(endpoint), await offlineDirectLine(endpoint)];
const results = ways.map(() => [] as Round[]);

console.error(`the binary is ${WARMLINE}; one round to warm up, then ${ROUNDS}`);
for (let number = 0; number <= ROUNDS; number += 1) {
  for (const [index, way] of ways.entries()) {
    const result = await round(way);
    if (number > 0) results[index]?.push(result);
  }
  console.error(`round ${number} is done`);
}
await Promise.all([...ways.map((way) => way.stop()), bot.stop()]);

console.log(`A word to the bot and its answer back; in brackets the ratio to the bot itself in the same round.
One user says ${SEQUENTIAL} words one after the other; then ${USERS} users say ${MESSAGES} each at once.

| way | one user: words/s | p50 ms | p99 ms | ${USERS} users: words/s | p50 ms | p99 ms | keeps |
| --- | --- | --- | --- | --- | --- | --- | --- |`);
for (const [index, way] of ways.entries()) {
  console.log(line(way, results[index] ?? [], results[0] ?? []));
}
