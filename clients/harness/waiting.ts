/** Waiting for what must become true: never for a span of time. */

/** Generous: a condition that comes true is not waited for any longer. */
export const WITHIN_MS = 60_000;

/** How often a condition is looked at again. */
const LOOK_EVERY_MS = 20;

/** Waits until `look` gives something; says what was waited for, and what was there, when it does not. */
export async function eventually<T>(
  what: string,
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  there: () => unknown = () => '',
  withinMs = WITHIN_MS,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) {
      throw new Error(`in vain: ${what}; there is ${JSON.stringify(await there(), null, 1)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** A promise with its ends in hand. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** What waits at the gate goes on when it is opened. */
export function gate(): Gate {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
