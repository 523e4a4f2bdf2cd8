/** HTTP over connections that are kept open, with as little between as Node allows. */

import { Agent, request } from 'node:http';

/** Node's own servers close what is idle for five seconds; one that is used that very moment would fail. */
const IDLE_MS = 2_000;

const agent = new Agent({ keepAlive: true, maxSockets: 256, timeout: IDLE_MS });

/** Sends JSON and gives the JSON that is answered; what is not 2xx is an error. */
export function send(
  method: string,
  url: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const text = body ? JSON.stringify(body) : undefined;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method,
      agent,
      headers: {
        ...(text ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {}),
        ...headers,
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (answer) => {
      let read = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (read += chunk));
      answer.on('end', () => {
        const status = answer.statusCode ?? 0;
        if (status < 200 || status > 299) reject(new Error(`${method} ${url}: ${status} ${read}`));
        else resolve(read.startsWith('{') ? JSON.parse(read) : {});
      });
      answer.on('error', reject);
    });
    outgoing.end(text);
  });
}
