/**
 * What the bots in JavaScript have besides `/api/messages`, for the tests: what they have seen, a gate at
 * which a slow bot waits, and something that makes them speak up by themselves.
 */

import type { Express } from 'express';

import { gate } from '../harness/waiting.ts';

export interface Doors {
  /** Keeps what arrived, for `GET /seen`. */
  saw(activity: object): void;
  /** What a slow bot waits for: `POST /release`. */
  released(): Promise<void>;
}

/** Opens the doors; `remind` says something without being asked, in the newest conversation. */
export function openDoors(app: Express, remind: (text: string) => Promise<void>): Doors {
  const seen: object[] = [];
  let slow = gate();
  app.get('/seen', (_, response) => void response.json(seen));
  app.post('/release', (_, response) => {
    slow.open();
    slow = gate();
    response.json({});
  });
  app.post('/remind', (request, response, next) => {
    remind(String((request.body as { text?: string }).text)).then(() => response.json({}), next);
  });
  return { saw: (activity) => seen.push(activity), released: () => slow.opened };
}
