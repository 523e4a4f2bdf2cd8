/** What the Direct Line library expects of a browser, for Node. Import it before the library. */

import { WebSocket } from 'ws';
// The package has no types; this is all that is used of it.
// @ts-expect-error
import xhr2 from 'xhr2';

Object.assign(globalThis, { XMLHttpRequest: xhr2, WebSocket });
