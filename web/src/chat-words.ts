/** Words that both chats of ours have, the demo's and the widget's, in every language. */

const en = {
  'refused.too_large': 'Not sent: too large. Attach a smaller file.',
  'refused.not_allowed': 'Not sent: files like this are not taken here. Attach another kind.',
  'refused.infected': 'Not sent: the virus scanner found something in it. Attach another file.',
  'refused.empty': 'Not sent: the file is empty. Attach another one.',
  'refused.no_room': 'Not sent: there is no room for more files. Say it in words.',
  'refused.files': 'Not sent. Attach fewer files, or other ones.',
  'refused.too_long': 'Not sent: too long. Send it in parts.',
  'refused.words': 'Not sent: it cannot be taken like this. Say it in another way.',
  'secret.sent': 'Sent, and hidden: {dots}',
  'secret.late': 'No longer asked for; nothing was passed on.',
  'picture.missing': '{name}: this picture could not be loaded.',
  'picture.missing.unnamed': 'This picture could not be loaded.',
} as const;

type Key = keyof typeof en;

const de: Record<Key, string> = {
  'refused.too_large': 'Nicht gesendet: zu groß. Hängen Sie eine kleinere Datei an.',
  'refused.not_allowed': 'Nicht gesendet: Solche Dateien werden hier nicht angenommen. Hängen Sie eine andere Art an.',
  'refused.infected': 'Nicht gesendet: Der Virenscanner hat darin etwas gefunden. Hängen Sie eine andere Datei an.',
  'refused.empty': 'Nicht gesendet: Die Datei ist leer. Hängen Sie eine andere an.',
  'refused.no_room': 'Nicht gesendet: Für weitere Dateien ist kein Platz. Sagen Sie es in Worten.',
  'refused.files': 'Nicht gesendet. Hängen Sie weniger Dateien oder andere an.',
  'refused.too_long': 'Nicht gesendet: zu lang. Senden Sie es in Teilen.',
  'refused.words': 'Nicht gesendet: So kann es nicht angenommen werden. Sagen Sie es anders.',
  'secret.sent': 'Gesendet und verborgen: {dots}',
  'secret.late': 'Danach wird nicht mehr gefragt; nichts wurde weitergegeben.',
  'picture.missing': '{name}: Dieses Bild konnte nicht geladen werden.',
  'picture.missing.unnamed': 'Dieses Bild konnte nicht geladen werden.',
};

/** Says one of these words. */
export type ChatSay = (key: Key, values?: Readonly<Record<string, string>>) => string;

export function chatSpeaker(language: string): ChatSay {
  const catalogue = language === 'de' ? de : en;
  return (key, values = {}) => catalogue[key].replace(/\{(\w+)\}/g, (all, name: string) => values[name] ?? all);
}
