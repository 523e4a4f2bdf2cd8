/**
 * How the widget looks on the site's page: the bubble and the panel around the frame. The styles are
 * made by script (a constructed sheet in a shadow root), which no content policy forbids, and take
 * their values from the page's `--warmline-…` variables.
 */

import type { Look } from './widget-wire';

/** The variables a site may set, with what holds without them: in the light, in the dark. */
const COLOURS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  'accent': ['#1f5fbf', '#8ab4f8'],
  'surface': ['#ffffff', '#1b1d21'],
  'ink': ['#1d2024', '#e9ebee'],
  'muted': ['#5b636e', '#a6adb8'],
  'line': ['#dde1e6', '#383c43'],
  'hover': ['#f1f3f6', '#2a2d33'],
  'bubble': ['#f1f3f6', '#2a2d33'],
  'bubble-user': ['#dde9fb', '#23406b'],
  'good': ['#1a6a40', '#7fd3a2'],
  'good-soft': ['#e1f3e8', '#163324'],
  'warn': ['#7a5000', '#f0c567'],
  'warn-soft': ['#fdf1d3', '#3a2d0c'],
  'bad': ['#a3201b', '#ff9b93'],
  'bad-soft': ['#fce4e2', '#451a17'],
};

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** Below this the panel takes the whole window and everything else rests. */
export const SMALL = '(max-width: 480px), (max-height: 480px)';

function variables(side: 0 | 1): string {
  const each = Object.entries(COLOURS);
  return each.map(([name, values]) => `--${name}: var(--warmline-${name}, ${values[side]});`).join('');
}

export const SKIN = `
:host { all: initial; display: contents; ${variables(0)} color-scheme: light;
  --font: var(--warmline-font, ${FONT}); }
:host([dark]) { ${variables(1)} color-scheme: dark; }
*, ::before, ::after { box-sizing: border-box; }
.bubble { position: fixed; inset-block-end: var(--warmline-bottom, 20px);
  inset-inline-end: var(--warmline-side, 20px); z-index: var(--warmline-layer, 2147483000);
  inline-size: 60px; block-size: 60px; padding: 0; border: 0; border-radius: 50%; cursor: pointer;
  display: grid; place-items: center; color: var(--accent-ink, #fff); background: var(--accent);
  box-shadow: 0 1px 3px rgb(0 0 0 / 22%), 0 8px 24px rgb(0 0 0 / 20%);
  transition: transform .15s ease, box-shadow .15s ease; }
:host([side=left]) .bubble { inset-inline: var(--warmline-side, 20px) auto; }
.bubble:hover { transform: translateY(-2px); box-shadow: 0 2px 4px rgb(0 0 0 / 22%), 0 12px 30px rgb(0 0 0 / 26%); }
.bubble:active { transform: none; }
.bubble:focus-visible, .again:focus-visible { outline: 3px solid var(--surface); box-shadow: 0 0 0 6px var(--accent); }
.bubble svg { inline-size: 30px; block-size: 30px; grid-area: 1 / 1; transition: opacity .15s, transform .15s; }
.bubble .chat path + path { stroke-width: 2.6; }
.bubble .shut, .bubble[aria-expanded=true] .chat { opacity: 0; transform: rotate(-45deg) scale(.6); }
.bubble[aria-expanded=true] .shut { opacity: 1; transform: none; }
.badge { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-inline-size: 22px;
  block-size: 22px; padding: 0 6px; border-radius: 11px; display: grid; place-items: center;
  background: #c5221f; color: #fff; border: 2px solid var(--surface);
  font: 700 12px/1 var(--font); }
[hidden] { display: none !important; }
.peek { position: fixed; inset-block-end: calc(var(--warmline-bottom, 20px) + 72px);
  inset-inline-end: var(--warmline-side, 20px); z-index: var(--warmline-layer, 2147483000);
  max-inline-size: min(300px, calc(100vw - 40px)); padding: 11px 15px; border: 1px solid var(--line); cursor: pointer;
  border-radius: 14px 14px 4px 14px; background: var(--surface); color: var(--ink); text-align: start;
  font: 400 14px/1.4 var(--font); box-shadow: 0 8px 24px rgb(0 0 0 / 16%); overflow: hidden;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow-wrap: anywhere; }
:host([side=left]) .peek { inset-inline: var(--warmline-side, 20px) auto; border-radius: 14px 14px 14px 4px; }
.peek:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
dialog { all: unset; display: block; position: fixed; z-index: var(--warmline-layer, 2147483000);
  inset-block-end: calc(var(--warmline-bottom, 20px) + 76px); inset-inline-end: var(--warmline-side, 20px);
  inline-size: min(var(--warmline-width, 400px), calc(100vw - 2 * var(--warmline-side, 20px)));
  block-size: min(var(--warmline-height, 640px), calc(100vh - var(--warmline-bottom, 20px) - 96px));
  border-radius: var(--warmline-radius, 16px); overflow: hidden; background: var(--surface); color: var(--ink);
  box-shadow: 0 0 0 1px var(--line), 0 12px 48px rgb(0 0 0 / 24%);
  font: 400 15px/1.45 var(--font);
  visibility: hidden; opacity: 0; transform: translateY(12px) scale(.98);
  transform-origin: bottom right; transition: opacity .16s ease, transform .16s ease, visibility 0s .16s; }
:host([side=left]) dialog { inset-inline: var(--warmline-side, 20px) auto; transform-origin: bottom left; }
dialog[open] { visibility: visible; opacity: 1; transform: none; transition-delay: 0s; }
dialog::backdrop { background: transparent; }
iframe { display: block; inline-size: 100%; block-size: 100%; border: 0; background: var(--surface); color-scheme: inherit; }
.rest { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 16px;
  padding: 32px; text-align: center; background: var(--surface); color: var(--muted); }
.rest p { margin: 0; }
.turn { inline-size: 28px; block-size: 28px; border: 3px solid var(--line); border-block-start-color: var(--accent);
  border-radius: 50%; animation: turn .9s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
.again { font: 600 14px/1 var(--font); padding: 12px 18px; border: 0; border-radius: 10px; cursor: pointer;
  color: var(--accent-ink); background: var(--accent); }
.shut-panel { font: 400 14px/1 var(--font); padding: 10px 14px; border: 0; background: none; color: var(--muted); cursor: pointer; text-decoration: underline; }
.unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media ${SMALL} {
  dialog, :host([side=left]) dialog { inset: 0; inline-size: 100vw; block-size: var(--seen-height, 100dvh);
    max-inline-size: none; max-block-size: none; border-radius: 0; box-shadow: none; }
  :host([open]) .bubble { display: none; }
}
@media (prefers-reduced-motion: reduce) {
  .bubble, .bubble svg, dialog { transition: none; }
  .bubble:hover { transform: none; }
  .turn { animation-duration: 4s; }
}
@media (forced-colors: active) { .bubble, dialog, .peek { border: 2px solid ButtonText; } }
@media print { :host { display: none; } }
`;

/**
 * The values of the page's variables as the browser resolves them, so that the frame, which sees none
 * of the page's styles, can have the same. `root` is the shadow root.
 */
export function look(host: HTMLElement, root: ShadowRoot): Look {
  const probe = document.createElement('span');
  probe.hidden = true;
  root.append(probe);
  const found: Record<string, string> = {};
  for (const name of Object.keys(COLOURS)) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.style.fontFamily = 'var(--font)';
  found['font'] = getComputedStyle(probe).fontFamily;
  const own = getComputedStyle(host).getPropertyValue('--warmline-accent-ink').trim();
  probe.style.color = own;
  found['accent-ink'] = own ? getComputedStyle(probe).color : readableOn(found['accent'] ?? '');
  probe.remove();
  return found;
}

/** Black or white, whichever reads better on this colour (WCAG's relative luminance). */
function readableOn(colour: string): string {
  const parts = (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map((part) => Number(part) / 255);
  const linear = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const [red = 0, green = 0, blue = 0] = linear;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.36 ? '#10131a' : '#ffffff';
}

/** A line drawing, without markup in a text: pages may demand trusted types. */
export function icon(className: string, ...paths: string[]): SVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const made = document.createElementNS(space, 'svg');
  for (const [name, value] of Object.entries({
    'viewBox': '0 0 24 24', 'fill': 'none', 'stroke': 'currentColor', 'stroke-width': '2',
    'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true', 'class': className,
  })) made.setAttribute(name, value);
  for (const path of paths) {
    const line = document.createElementNS(space, 'path');
    line.setAttribute('d', path);
    made.append(line);
  }
  return made;
}
