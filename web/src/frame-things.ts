/** Small things that the browser does for the chat: a sound, a file to keep, a word to screen readers. */

import { element, setText } from './element';

/** What was announced is gone after this: who reads on by themselves is not to find it twice. */
const ANNOUNCED_FOR_MS = 2_000;

/** Tells screen readers something, politely. Its element is always there, so that changes are heard. */
export class Teller {
  readonly root = element('p', { class: 'unseen', role: 'status' });
  #clearing = 0;

  tell(words: string): void {
    setText(this.root, words);
    clearTimeout(this.#clearing);
    this.#clearing = window.setTimeout(() => setText(this.root, ''), ANNOUNCED_FOR_MS);
  }
}

/** Two soft notes, made on the spot; a browser that has heard no click yet stays silent. */
export function chime(): void {
  try {
    const audio = new AudioContext();
    const loudness = audio.createGain();
    loudness.connect(audio.destination);
    const now = audio.currentTime;
    loudness.gain.setValueAtTime(0.0001, now);
    loudness.gain.exponentialRampToValueAtTime(0.08, now + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.0001, now + 0.5);
    for (const [pitch, begins] of [[660, 0], [880, 0.12]] as const) {
      const note = audio.createOscillator();
      note.frequency.value = pitch;
      note.connect(loudness);
      note.start(now + begins);
      note.stop(now + 0.5);
    }
    setTimeout(() => void audio.close(), 1_000);
  } catch {
    // Without sound the bubble's number says the same.
  }
}

/** Lets the user keep a text as a file. */
export function saveAs(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
