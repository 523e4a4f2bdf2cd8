/**
 * The widget's own words in every language. English is the list of keys; a language that lacks one
 * does not compile. `{name}` stands for a value. What bot, gateway and agents say is theirs.
 */

const en = {
  'title': 'Chat',
  'open': 'Open chat',
  'open.unread.one': 'Open chat, 1 new message',
  'open.unread': 'Open chat, {count} new messages',
  'close': 'Close chat',
  'loading': 'The chat is being opened …',
  'unreachable': 'The chat cannot be opened at the moment.',
  'retry': 'Try again',
  'news.one': '1 new message in the chat',
  'news': '{count} new messages in the chat',

  'bot': 'Assistant',
  'bot.is': 'Answers at once',
  'sealed': 'Messages are encrypted between this browser and the chat service',
  'agent': 'Agent',
  'connecting': 'Connecting …',
  'reconnecting': 'Connection lost; trying again …',
  'offline': 'You are offline',
  'reconnecting.notice': 'The connection was lost. What you write is sent as soon as it is back.',
  'back': 'Connected again.',
  'failed': 'Not connected',
  'failed.notice': 'The chat could not be connected.',
  'gone.notice': 'This conversation cannot be gone on with. What you write is sent in a new one.',
  'refused': 'The chat is not available on this page. Please reach us in another way.',

  'waiting': 'Waiting for an agent',
  'waiting.notice': 'Looking for an agent for you',
  'waiting.estimate': 'Estimated wait: {estimate}',
  'waiting.since': '{time}',
  'cancel': 'Cancel',
  'cancelling': 'Cancelling …',
  'live.is': 'Live chat',
  'live.notice': 'You are talking to {name}.',
  'live.notice.unnamed': 'You are talking to an agent.',
  'transferring.is': 'Being transferred …',
  'transferring': 'You are being transferred to somebody else.',
  'delayed': 'Delivery is delayed; nothing is lost.',
  'end': 'End chat',
  'end.sure': 'End this chat?',
  'end.yes': 'End chat',
  'end.no': 'Keep talking',
  'ending': 'Ending …',
  'over': 'Chat ended',
  'over.notice': 'The chat with {name} is over.',
  'over.notice.unnamed': 'The live chat is over.',
  'cancelled.notice': 'The request was cancelled.',
  'nobody.notice': 'Nobody could be reached.',
  'dismiss': 'Dismiss',

  'menu': 'More',
  'sound': 'Sound for new messages',
  'save': 'Save conversation',
  'fresh': 'Start a new conversation',
  'fresh.sure': 'Start over? This conversation will no longer be shown.',
  'fresh.yes': 'Start over',
  'fresh.no': 'Go back',
  'you': 'You',
  'saved.name': 'conversation',

  'drop': 'Drop files to attach them',
  'files.one': '1 file is sent with your message',
  'files': '{count} files are sent with your message',
  'files.added': 'Attached: {names}.',
  'files.removed': 'Removed: {names}.',
  'files.remove': 'Remove {name}',
  'kind.picture': 'Picture',
  'kind.card': 'Card',
  'kind.file': 'File',
  'conversation': 'Conversation',
} as const;

export type Key = keyof typeof en;

const de: Record<Key, string> = {
  'title': 'Chat',
  'open': 'Chat öffnen',
  'open.unread.one': 'Chat öffnen, 1 neue Nachricht',
  'open.unread': 'Chat öffnen, {count} neue Nachrichten',
  'close': 'Chat schließen',
  'loading': 'Der Chat wird geöffnet …',
  'unreachable': 'Der Chat kann im Moment nicht geöffnet werden.',
  'retry': 'Noch einmal versuchen',
  'news.one': '1 neue Nachricht im Chat',
  'news': '{count} neue Nachrichten im Chat',

  'bot': 'Assistent',
  'bot.is': 'Antwortet sofort',
  'sealed': 'Nachrichten sind zwischen diesem Browser und dem Chatdienst verschlüsselt',
  'agent': 'Mitarbeiter',
  'connecting': 'Wird verbunden …',
  'reconnecting': 'Verbindung verloren; neuer Versuch …',
  'offline': 'Sie sind offline',
  'reconnecting.notice':
    'Die Verbindung ist abgebrochen. Was Sie schreiben, wird gesendet, sobald sie wieder da ist.',
  'back': 'Wieder verbunden.',
  'failed': 'Nicht verbunden',
  'failed.notice': 'Der Chat konnte nicht verbunden werden.',
  'gone.notice': 'Dieses Gespräch kann nicht fortgesetzt werden. Was Sie schreiben, wird in einem neuen gesendet.',
  'refused': 'Der Chat ist auf dieser Seite nicht verfügbar. Bitte wenden Sie sich auf anderem Weg an uns.',

  'waiting': 'Wartet auf einen Mitarbeiter',
  'waiting.notice': 'Wir suchen jemanden für Sie',
  'waiting.estimate': 'Wartezeit etwa {estimate}',
  'waiting.since': '{time}',
  'cancel': 'Abbrechen',
  'cancelling': 'Wird abgebrochen …',
  'live.is': 'Live-Chat',
  'live.notice': 'Sie sprechen mit {name}.',
  'live.notice.unnamed': 'Sie sprechen mit einem Mitarbeiter.',
  'transferring.is': 'Wird weitergeleitet …',
  'transferring': 'Sie werden an jemand anderen weitergeleitet.',
  'delayed': 'Die Zustellung dauert länger; nichts geht verloren.',
  'end': 'Chat beenden',
  'end.sure': 'Diesen Chat beenden?',
  'end.yes': 'Chat beenden',
  'end.no': 'Weitersprechen',
  'ending': 'Wird beendet …',
  'over': 'Chat beendet',
  'over.notice': 'Der Chat mit {name} ist zu Ende.',
  'over.notice.unnamed': 'Der Live-Chat ist zu Ende.',
  'cancelled.notice': 'Die Anfrage wurde abgebrochen.',
  'nobody.notice': 'Es war niemand zu erreichen.',
  'dismiss': 'Ausblenden',

  'menu': 'Mehr',
  'sound': 'Ton bei neuen Nachrichten',
  'save': 'Gespräch speichern',
  'fresh': 'Neues Gespräch beginnen',
  'fresh.sure': 'Neu beginnen? Dieses Gespräch wird dann nicht mehr gezeigt.',
  'fresh.yes': 'Neu beginnen',
  'fresh.no': 'Zurück',
  'you': 'Sie',
  'saved.name': 'Gespraech',

  'drop': 'Dateien hier ablegen, um sie anzuhängen',
  'files.one': '1 Datei wird mit Ihrer Nachricht gesendet',
  'files': '{count} Dateien werden mit Ihrer Nachricht gesendet',
  'files.added': 'Angehängt: {names}.',
  'files.removed': 'Entfernt: {names}.',
  'files.remove': '{name} entfernen',
  'kind.picture': 'Bild',
  'kind.card': 'Karte',
  'kind.file': 'Datei',
  'conversation': 'Gespräch',
};

const CATALOGUES = { en, de } as const;

type Language = keyof typeof CATALOGUES;

/** The words of one language. */
export type Say = (key: Key, values?: Readonly<Record<string, string | number>>) => string;

/** The first of these tags (`de-AT`) that there are words for. */
export function languageOf(tags: readonly (string | null | undefined)[]): Language {
  const codes = tags.map((tag) => tag?.slice(0, 2).toLowerCase() ?? '');
  const known = codes.find((code): code is Language => Object.hasOwn(CATALOGUES, code));
  return known ?? 'en';
}

export function speaker(language: string): Say {
  const catalogue = CATALOGUES[languageOf([language])];
  return (key, values = {}) =>
    catalogue[key].replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}
