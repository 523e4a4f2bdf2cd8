/**
 * Whether the gateway is there, when its frame stays silent: browsers do not tell pages whether a frame
 * could not be got or may not be shown. The widget's own script is asked for once more, by a preload,
 * which runs nothing and which every content policy allows that allowed the script's tag; by that of a
 * module where there is one, because browsers complain of any other that nobody uses.
 */

import type { Named } from './widget-frame';

/** Whoever needs longer for a script of a few kilobytes is taken for away. */
const ANSWERS_WITHIN_MS = 5_000;

/** `nonce` is the one of the script's tag; empty without. */
export function answers(base: string, nonce: string): Promise<boolean> {
  const address = new URL('widget.js', base);
  // What the browser remembers of it says nothing about now.
  address.searchParams.set('at', String(Date.now()));
  const link = document.createElement('link');
  const rel = link.relList.supports('modulepreload') ? 'modulepreload' : 'preload';
  Object.assign(link, { rel, as: 'script', nonce, href: address.href });
  return new Promise<boolean>((resolve) => {
    const told = (there: boolean) => {
      clearTimeout(late);
      link.remove();
      resolve(there);
    };
    const late = setTimeout(() => told(false), ANSWERS_WITHIN_MS);
    link.addEventListener('load', () => told(true));
    link.addEventListener('error', () => told(false));
    document.head.append(link);
  });
}

/** Why a frame may not have come; the browser does not tell pages which of these it is. */
export function silent(named: Named, base: string, there: boolean): string {
  const site = 'key' in named ? `no site has the key "${named.key}" (\`widget_key\`), ` : '';
  return (
    `the frame of the chat does not come from ${base}: ${there ? '' : 'the gateway is away, '}${site}` +
    `${location.origin} is not among the \`trusted_origins\` of the site, or this page's own content ` +
    'policy does not allow it (`frame-src`)'
  );
}
