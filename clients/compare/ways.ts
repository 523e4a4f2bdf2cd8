/** The ways from a user to the bot and back that are compared. */

import { createServer } from 'node:net';
import { join } from 'node:path';
import { WebSocket } from 'ws';

import { Gateway, somebody } from '../harness/gateway.ts';
import { CLIENTS, Program } from '../harness/program.ts';
import { eventually } from '../harness/waiting.ts';
import { send } from './wire.ts';

/** One user's conversation: says something, and is back when the bot's answer is. */
export interface Talk {
  say(text: string): Promise<void>;
  end(): void;
}

export interface Way {
  readonly name: string;
  readonly keeps: string;
  talk(): Promise<Talk>;
  stop(): Promise<void>;
}

/** Nothing between: the request that a channel would make, answered at once. */
export function direct(bot: string): Way {
  const say = async (text: string) => {
    const activity = {
      type: 'message', id: crypto.randomUUID(), text, channelId: 'directline', deliveryMode: 'expectReplies',
      serviceUrl: 'http://127.0.0.1:1', from: { id: 'dl_kim' }, recipient: { id: 'bot' },
      conversation: { id: 'direct' },
    };
    const { activities } = (await send('POST', bot, activity)) as { activities: { text: string }[] };
    if (activities[0]?.text !== `You said: ${text}`) throw new Error('another answer');
  };
  return {
    name: 'the bot itself',
    keeps: 'nothing',
    talk: async () => ({ say, end: () => {} }),
    stop: async () => {},
  };
}

export async function warmline(bot: string): Promise<Way> {
  const gateway = await Gateway.start({ BOT_ENDPOINT: bot, RUST_LOG: 'warn' });
  return {
    name: 'Warmline',
    keeps: 'every message, sealed and on disk before it is acknowledged',
    talk: () => overWebSocket(gateway),
    stop: () => gateway.stop(),
  };
}

/** Direct Line as its clients use it: a POST for the word, the answer from the stream. */
async function overWebSocket(gateway: Gateway): Promise<Talk> {
  const { token } = await gateway.ticket(somebody('compare'));
  const headers = { authorization: `Bearer ${token}` };
  const domain = `${gateway.origin}/v3/directline`;
  const begun = await send('POST', `${domain}/conversations`, {}, headers);
  const { conversationId, streamUrl } = begun as { conversationId: string; streamUrl: string };
  const awaited = new Map<string, () => void>();
  const socket = new WebSocket(streamUrl);
  socket.on('message', (frame) => {
    const text = String(frame);
    if (text === '') return;
    const { activities } = JSON.parse(text) as { activities: { text?: string; from?: { role?: string } }[] };
    for (const { text: said = '', from } of activities) {
      if (from?.role === 'bot') awaited.get(said)?.();
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  const say = async (text: string) => {
    const answered = new Promise<void>((resolve) => awaited.set(`You said: ${text}`, resolve));
    const activity = { type: 'message', text, from: { id: 'dl_kim' } };
    await send('POST', `${domain}/conversations/${conversationId}/activities`, activity, headers);
    await answered;
    awaited.delete(`You said: ${text}`);
  };
  return { say, end: () => socket.close() };
}

export async function offlineDirectLine(bot: string): Promise<Way> {
  const port = await freePort();
  const script = join(CLIENTS, 'node_modules', 'offline-directline', 'dist', 'cmdutil.js');
  const program = new Program(process.execPath, [script, '-d', String(port), '-b', bot]);
  const origin = `http://127.0.0.1:${port}`;
  await program.prints(/Listening for messages/);
  return {
    name: 'offline-directline',
    keeps: 'in memory only; no tokens, no stream',
    talk: () => byPolling(origin),
    stop: () => program.stop(),
  };
}

/** It answers a POST when the bot has; the answer is then there to be fetched, and polled until it is. */
async function byPolling(origin: string): Promise<Talk> {
  const begun = await send('POST', `${origin}/directline/conversations`, {});
  const { conversationId } = begun as { conversationId: string };
  const url = `${origin}/directline/conversations/${conversationId}/activities`;
  let watermark = 0;
  const say = async (text: string) => {
    await send('POST', url, { type: 'message', text, from: { id: 'dl_kim' } });
    await eventually('the answer', async () => {
      const answer = await send('GET', `${url}?watermark=${watermark}`);
      const set = answer as { activities: { text?: string }[]; watermark: number };
      watermark = set.watermark;
      return set.activities.some((one) => one.text === `You said: ${text}`);
    });
  };
  return { say, end: () => {} };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
