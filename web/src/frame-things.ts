/** Small things that the browser does for the chat: a sound, a file to keep. */

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
