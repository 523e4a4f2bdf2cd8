/**
 * A small plot over time. It can be read without seeing it: its label says what it shows now, and the
 * arrow keys (or the pointer) walk through its values and speak them.
 */

import { element, setText } from './element';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 600;
const HEIGHT = 120;

/** One line of a plot; a step without a value is a gap. */
export interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export class Plot {
  readonly root: HTMLElement;
  readonly #format: (value: number) => string;
  readonly #svg = document.createElementNS(SVG, 'svg');
  readonly #cursor = shape('line', { class: 'plot-cursor', y1: '0', y2: `${HEIGHT}` });
  readonly #top = element('span', { class: 'plot-top', 'aria-hidden': 'true' });
  readonly #now = element('p', { class: 'plot-now' });
  readonly #readout = element('p', { class: 'plot-readout', role: 'status' });
  readonly #paths = new Map<string, SVGElement>();
  readonly #title: string;
  #lines: readonly Line[] = [];
  #from = 0;
  #step = 1;
  #at: number | null = null;

  constructor(title: string, format: (value: number) => string) {
    this.#title = title;
    this.#format = format;
    for (const [name, value] of Object.entries({
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      role: 'img',
      tabindex: '0',
      class: 'plot-drawing',
    })) {
      this.#svg.setAttribute(name, value);
    }
    this.#cursor.setAttribute('visibility', 'hidden');
    this.#svg.append(this.#cursor);
    this.#svg.addEventListener('keydown', (event) => this.#key(event));
    this.#svg.addEventListener('pointermove', (event) => this.#point(event));
    this.#svg.addEventListener('pointerleave', () => this.#look(null));
    this.#svg.addEventListener('blur', () => this.#look(null));
    this.root = element(
      'figure',
      { class: 'plot' },
      element('figcaption', {}, element('h3', {}, title), this.#now),
      element('div', { class: 'plot-frame' }, this.#top, this.#svg),
      element(
        'div',
        { class: 'plot-axis', 'aria-hidden': 'true' },
        element('span', {}, '15 min ago'),
        element('span', {}, 'now'),
      ),
      this.#readout,
    );
  }

  show(lines: readonly Line[], fromMs: number, stepMs: number): void {
    this.#lines = lines;
    this.#from = fromMs;
    this.#step = stepMs;
    const values = lines.flatMap((line) => line.values).filter((value) => value !== null);
    const most = values.length > 0 ? Math.max(...values) : 0;
    const top = roundUp(most);
    setText(this.#top, this.#format(top));
    lines.forEach((line, place) => this.#draw(line, place, top));
    const last = lines.map((line) => `${line.name} ${this.#shown(lastWhole(line.values))}`);
    setText(this.#now, last.join(', '));
    const label = `${this.#title}, last 15 minutes. Now: ${last.join(', ')}. Most: ${this.#format(most)}.`;
    this.#svg.setAttribute('aria-label', `${label} The arrow keys walk through the values.`);
    if (this.#at !== null) this.#look(this.#at);
  }

  #draw(line: Line, place: number, top: number): void {
    let path = this.#paths.get(line.name);
    if (!path) {
      path = shape('path', { class: `plot-line plot-line-${place + 1}` });
      this.#paths.set(line.name, path);
      this.#svg.insertBefore(path, this.#cursor);
    }
    let pen = 'M';
    const points = line.values.map((value, at) => {
      if (value === null) {
        pen = 'M';
        return '';
      }
      // A value alone between gaps is a dot.
      const dot = pen === 'M' && (line.values[at + 1] ?? null) === null ? 'h0.1' : '';
      const point = `${pen}${this.#x(at).toFixed(1)} ${(HEIGHT - (value / top) * (HEIGHT - 4) - 1).toFixed(1)}${dot}`;
      pen = 'L';
      return point;
    });
    path.setAttribute('d', points.join(''));
  }

  #x(at: number): number {
    const steps = Math.max(1, this.#count() - 1);
    return (at / steps) * WIDTH;
  }

  #count(): number {
    return this.#lines[0]?.values.length ?? 0;
  }

  #key(event: KeyboardEvent): void {
    const last = this.#count() - 1;
    const moves: Readonly<Record<string, (at: number) => number>> = {
      ArrowLeft: (at) => at - 1,
      ArrowRight: (at) => at + 1,
      PageUp: (at) => at - 12,
      PageDown: (at) => at + 12,
      Home: () => 0,
      End: () => last,
    };
    const move = moves[event.key];
    if (!move || last < 0) return;
    event.preventDefault();
    this.#look(Math.min(last, Math.max(0, move(this.#at ?? last))));
  }

  #point(event: PointerEvent): void {
    const box = this.#svg.getBoundingClientRect();
    const share = (event.clientX - box.left) / Math.max(1, box.width);
    this.#look(Math.round(share * (this.#count() - 1)));
  }

  #look(at: number | null): void {
    this.#at = at;
    this.#cursor.setAttribute('visibility', at === null ? 'hidden' : 'visible');
    if (at === null) return setText(this.#readout, '');
    const x = this.#x(at).toFixed(1);
    this.#cursor.setAttribute('x1', x);
    this.#cursor.setAttribute('x2', x);
    const time = new Date(this.#from + at * this.#step).toLocaleTimeString('en-GB');
    const values = this.#lines.map((line) => `${line.name} ${this.#shown(line.values[at] ?? null)}`);
    setText(this.#readout, `${time}: ${values.join(', ')}`);
  }

  #shown(value: number | null): string {
    return value === null ? '–' : this.#format(value);
  }
}

/** The newest step is still being filled; the one before it is whole. */
function lastWhole(values: readonly (number | null)[]): number | null {
  return values.at(-2) ?? null;
}

/** 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10);
}

function shape(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS(SVG, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
