/** The console's page: a door, and behind it the console. */

import './console.css';
import { ConsoleError, overview } from './console-api';
import { Console } from './console';
import { Door } from './console-door';
import { byId } from './element';

const root = byId('console');
let shown: Console | null = null;

const door = new Door(() => enter());

/** Shows the door; `why` is told to whoever was inside. */
function leave(why: string): void {
  shown?.stop();
  shown = null;
  root.replaceChildren(door.root);
  door.show(why);
}

function enter(): void {
  if (shown) return;
  shown = new Console(leave);
  root.replaceChildren(shown.root);
  shown.begin();
}

overview().then(enter, (error: unknown) => {
  const out = error instanceof ConsoleError && error.code === 'signed_out';
  leave(out ? '' : error instanceof Error ? error.message : String(error));
});
