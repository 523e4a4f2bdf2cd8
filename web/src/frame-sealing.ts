/**
 * Messages sealed between this browser and the gateway: HPKE (RFC 9180), in the format of
 * docs/message-encryption.md. Owns the keys of this page, which live as long as it does and never leave
 * it, and the gateway's, which are fetched from the gateway's own origin.
 */

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import type { KemInterface } from '@hpke/core';

import { read } from './widget-wire';

type Recipient = Awaited<ReturnType<CipherSuite['createRecipientContext']>>;

const VERSION = 1;
const SUITE = { kem: 32, kdf: 1, aead: 2 } as const;
const TO_GATEWAY = 'warmline message 1 to gateway';
const TO_READER = 'warmline message 1 to reader';

/** Plain text is filled up to a multiple of this, so that a short answer's length does not tell it. */
const PADDED_BYTES = 256;

/** Streams and answers whose messages may still come: one is usual, and after a cut two. */
const CONTEXTS_MAX = 8;

/** The gateway answers these from memory. */
const ANSWER_WITHIN_MS = 10_000;

interface GatewayKey {
  readonly kid: string;
  readonly publicKey: CryptoKey;
}

interface SealedToReader {
  readonly seq: number;
  readonly v: number;
  readonly kid: string;
  readonly enc: string;
  readonly ct: string;
}

/** An activity, as far as envelopes are concerned. */
export interface Sealable {
  readonly type?: string;
  readonly from?: object;
  readonly attachments?: readonly Readonly<Record<string, unknown>>[];
  readonly channelData?: Readonly<Record<string, unknown>>;
}

/** The gateway would not take this page's key. */
export class NotSealed extends Error {}

/** The key that vouches for a message cannot be had at the moment; the message itself may be fine. */
export class KeyAway extends Error {}

/** This page was not loaded in a way in which browsers encrypt: over HTTPS, or on this very machine. */
export function canSeal(): boolean {
  return globalThis.isSecureContext && 'subtle' in crypto;
}

export class Sealing {
  readonly #gateway: string;
  readonly #suite: CipherSuite;
  readonly #own: CryptoKeyPair;
  readonly #contexts = new Map<string, Promise<Recipient>>();
  #keys: readonly GatewayKey[] = [];
  #ahead = 0;
  #fetching: Promise<void> | null = null;

  private constructor(gateway: string, suite: CipherSuite, own: CryptoKeyPair) {
    this.#gateway = gateway;
    this.#suite = suite;
    this.#own = own;
  }

  static async begin(gateway: string): Promise<Sealing> {
    const suite = new CipherSuite({ kem: await kem(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
    const sealing = new Sealing(gateway, suite, await suite.kem.generateKeyPair());
    await sealing.fetchKeys();
    return sealing;
  }

  /** Gets the gateway's keys, and how far its clock is from this one: once for all who ask meanwhile. */
  fetchKeys(): Promise<void> {
    this.#fetching ??= this.#fetchKeys().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  /**
   * Gets newer keys, and the gateway's time, after it refused this envelope. What was sealed before they
   * were fetched may be refused after it: then they are here already.
   */
  async renew(refused: Sealable): Promise<void> {
    const { kid } = (refused.channelData?.['warmline'] as { sealed: { kid: string } }).sealed;
    if (this.#keys[0]?.kid === kid) await this.fetchKeys();
  }

  async #fetchKeys(): Promise<void> {
    const answer = await this.#fetch('.well-known/warmline-keys', { cache: 'no-store' });
    if (!answer.ok) throw new NotSealed(`the gateway has no keys for messages: ${answer.status}`);
    const { now, keys } = (await answer.json()) as {
      now: string;
      keys: { kid: string; suite: typeof SUITE; publicKey: string }[];
    };
    this.#ahead = Date.parse(now) - Date.now();
    const spoken = keys.filter(({ suite }) => suite.kem === SUITE.kem && suite.kdf === SUITE.kdf && suite.aead === SUITE.aead);
    this.#keys = await Promise.all(
      spoken.map(async ({ kid, publicKey }) => ({ kid, publicKey: await this.#suite.kem.deserializePublicKey(decoded(publicKey)) })),
    );
  }

  /** Shows the gateway this page's key; gives the token with which everything read is sealed to it. */
  async present(token: string): Promise<string> {
    const conversation = encodeURIComponent(read(token)?.conversation ?? '');
    const publicKey = encoded(await this.#suite.kem.serializePublicKey(this.#own.publicKey));
    const answer = await this.#fetch(`v3/directline/conversations/${conversation}/reader`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ suite: SUITE, publicKey }),
    });
    const said = (await answer.json().catch(() => ({}))) as { token?: string; error?: { message?: string } };
    if (answer.ok && typeof said.token === 'string') return said.token;
    throw new NotSealed(said.error?.message ?? `the gateway answers ${answer.status}`);
  }

  /** The activity in an envelope. Files lie outside: their bytes go beside it. */
  async seal(activity: Sealable, token: string): Promise<Sealable> {
    const [key] = this.#keys;
    const said = read(token);
    if (!key || !said) throw new NotSealed('there is no key to seal to');
    const id = activity.channelData?.['clientActivityID'];
    const clientActivityID = typeof id === 'string' && id !== '' ? id : crypto.randomUUID();
    const at = new Date(Date.now() + this.#ahead).toISOString();
    const inside = {
      ...activity,
      ...(activity.attachments ? { attachments: activity.attachments.map(withoutMemory) } : {}),
      channelData: { ...activity.channelData, clientActivityID },
    };
    const sender = await this.#suite.createSenderContext({ recipientPublicKey: key.publicKey, info: utf8(TO_GATEWAY) });
    const bound = boundTo(TO_GATEWAY, said.conversation, said.user ?? '', clientActivityID, at);
    const ct = await sender.seal(padded(JSON.stringify(inside)), bound);
    const files = activity.attachments?.filter(isOfMemory) ?? [];
    return {
      type: 'message',
      ...(activity.from ? { from: idOf(activity.from) } : {}),
      ...(files.length > 0 ? { attachments: files } : {}),
      channelData: {
        clientActivityID,
        warmline: { sealed: { v: VERSION, kid: key.kid, enc: encoded(sender.enc), at, ct: encoded(ct) } },
      },
    };
  }

  /**
   * What is in an envelope; an activity that came without one is refused. Call it in their order, and
   * after `KeyAway` with the same one again.
   */
  async open<T extends Sealable>(activity: T, token: string): Promise<T> {
    const sealed = (activity.channelData?.['warmline'] as { sealed?: SealedToReader } | undefined)?.sealed;
    const said = read(token);
    if (!sealed || !said) throw new NotSealed('the gateway sent something that is not sealed');
    const context = await this.#context(sealed);
    const plain = await context.open(decoded(sealed.ct), boundTo(TO_READER, said.conversation, said.user ?? ''));
    return JSON.parse(new TextDecoder().decode(plain)) as T;
  }

  /** Which context an activity is sealed in, and its place there; `null` for one that is not sealed. */
  placeOf(activity: Sealable): { readonly context: string; readonly seq: number } | null {
    const sealed = (activity.channelData?.['warmline'] as { sealed?: SealedToReader } | undefined)?.sealed;
    return typeof sealed?.seq === 'number' ? { context: sealed.enc, seq: sealed.seq } : null;
  }

  #context({ enc, kid }: SealedToReader): Promise<Recipient> {
    const known = this.#contexts.get(enc);
    if (known) return known;
    const made = this.#key(kid).then((senderPublicKey) =>
      this.#suite.createRecipientContext({ recipientKey: this.#own, enc: decoded(enc), senderPublicKey, info: utf8(TO_READER) }),
    );
    this.#contexts.set(enc, made);
    made.catch(() => {
      if (this.#contexts.get(enc) === made) this.#contexts.delete(enc);
    });
    for (const old of [...this.#contexts.keys()].slice(0, -CONTEXTS_MAX)) this.#contexts.delete(old);
    return made;
  }

  async #key(kid: string): Promise<CryptoKey> {
    const find = () => this.#keys.find((key) => key.kid === kid)?.publicKey;
    let key = find();
    if (!key) {
      await this.fetchKeys().catch((cause: unknown) => {
        throw new KeyAway('the keys of the gateway cannot be fetched', { cause });
      });
      key = find();
    }
    // Somebody between may have kept the list of before.
    if (!key) throw new KeyAway('the gateway vouches with a key that it does not publish');
    return key;
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(new URL(path, this.#gateway), { ...init, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  }
}

/** The browser's own X25519, whose private keys no script can read; else one written in JavaScript. */
async function kem(): Promise<KemInterface> {
  const own = new DhkemX25519HkdfSha256();
  try {
    await own.generateKeyPair();
    return own;
  } catch {
    const written = await import('@hpke/dhkem-x25519');
    return new written.DhkemX25519HkdfSha256();
  }
}

/** Each part with its length before it, so that no two lists of parts are alike. */
function boundTo(...parts: string[]): Uint8Array<ArrayBuffer> {
  const bytes = parts.flatMap((part) => {
    const text = new TextEncoder().encode(part);
    return [...new Uint8Array(new Uint32Array([text.length]).buffer).reverse(), ...text];
  });
  return Uint8Array.from(bytes);
}

function padded(json: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(json);
  const all = new Uint8Array(Math.ceil(text.length / PADDED_BYTES) * PADDED_BYTES).fill(0x20);
  all.set(text);
  return all;
}

/** Whether an attachment is a file of this browser's memory, which Direct Line's client uploads. */
function isOfMemory({ contentUrl }: Readonly<Record<string, unknown>>): boolean {
  return typeof contentUrl === 'string' && contentUrl.startsWith('blob:');
}

function withoutMemory(attachment: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!isOfMemory(attachment)) return attachment;
  const { contentUrl: _, ...rest } = attachment;
  return rest;
}

function idOf(from: object): object {
  const { id, role } = from as { id?: unknown; role?: unknown };
  return { ...(id === undefined ? {} : { id }), ...(role === undefined ? {} : { role }) };
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
}

/** Base64 for addresses, without filling. */
function encoded(bytes: ArrayBuffer): string {
  let text = '';
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function decoded(text: string): ArrayBuffer {
  const bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(bytes, (one) => one.charCodeAt(0)).buffer;
}
