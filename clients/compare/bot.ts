/**
 * The smallest bot: it says back what it hears, with its answer to an `expectReplies` request and by a
 * call to the channel otherwise. No SDK, so that what is compared is what stands before it.
 */

import { createServer } from 'node:http';

import { send } from './wire.ts';

interface Heard {
  readonly id: string;
  readonly type: string;
  readonly text?: string;
  readonly serviceUrl?: string;
  readonly conversation: { readonly id: string };
  readonly deliveryMode?: string;
}

async function answer(heard: Heard): Promise<object> {
  if (heard.type !== 'message') return {};
  const reply = { type: 'message', text: `You said: ${heard.text}`, from: { id: 'bot' }, replyToId: heard.id };
  if (heard.deliveryMode === 'expectReplies') return { activities: [reply] };
  const channel = (heard.serviceUrl ?? '').replace(/\/$/, '');
  await send('POST', `${channel}/v3/conversations/${heard.conversation.id}/activities/${heard.id}`, reply);
  return {};
}

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    answer(JSON.parse(body) as Heard).then(
      (answered) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answered));
      },
      (error: unknown) => {
        console.error(error);
        response.writeHead(500).end();
      },
    );
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`bot listens on ${typeof address === 'object' && address ? address.port : ''}`);
});
