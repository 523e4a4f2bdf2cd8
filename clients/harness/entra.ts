/**
 * A stand-in for Entra: OpenID metadata, keys, and a token endpoint for client credentials, with RS256.
 * The bot's SDK verifies its tokens with Microsoft's own code, so a mistake in it shows. It can also make
 * tokens that Entra would not, for what must be refused.
 */

import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { CryptoKey, JWK, JWTPayload } from 'jose';

/** An application that may ask for tokens. */
export interface Application {
  readonly id: string;
  readonly secret: string;
}

/** A token that was asked for. */
export interface Grant {
  readonly client: string;
  readonly scope: string;
}

export const TENANT = '72f988bf-0000-4000-8000-2d7cd011db47';

const KEY_ID = 'the-only-key';

export class Entra {
  readonly #server: Server;
  readonly #key: CryptoKey;
  readonly #public: JWK;
  readonly #applications: readonly Application[];
  readonly grants: Grant[] = [];
  #origin = '';

  private constructor(key: CryptoKey, publicKey: JWK, applications: readonly Application[]) {
    this.#key = key;
    this.#public = { ...publicKey, kid: KEY_ID, alg: 'RS256', use: 'sig' };
    this.#applications = applications;
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      });
    });
  }

  static async start(applications: readonly Application[]): Promise<Entra> {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
    const entra = new Entra(privateKey, await exportJWK(publicKey), applications);
    await new Promise<void>((resolve) => entra.#server.listen(0, '127.0.0.1', resolve));
    const address = entra.#server.address();
    entra.#origin = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    return entra;
  }

  /** The base of the token endpoint, with the tenant. */
  get login(): string {
    return `${this.#origin}/${TENANT}`;
  }

  get metadata(): string {
    return `${this.#origin}/common/v2.0/.well-known/openid-configuration`;
  }

  /** In the form of Entra's own, as everybody who verifies expects it. */
  get issuer(): string {
    return `https://login.microsoftonline.com/${TENANT}/v2.0`;
  }

  /** A token of `application` for `audience`; `claims` go before what belongs in it. */
  mint(application: Application, audience: string, claims: JWTPayload = {}, key = this.#key): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const usual = {
      aud: audience, iss: this.issuer, tid: TENANT, azp: application.id, ver: '2.0', nbf: now, exp: now + 3600,
    };
    return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg: 'RS256', kid: KEY_ID }).sign(key);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage): Promise<readonly [number, object]> {
    const path = new URL(request.url ?? '/', this.#origin).pathname;
    if (path.endsWith('/.well-known/openid-configuration')) {
      const algorithms = ['RS256'];
      return [200, {
        issuer: this.issuer,
        jwks_uri: `${this.#origin}/keys`,
        id_token_signing_alg_values_supported: algorithms,
      }];
    }
    if (path === '/keys') return [200, { keys: [this.#public] }];
    if (request.method === 'POST' && path === `/${TENANT}/oauth2/v2.0/token`) return this.#grant(request);
    return [404, { error: 'not_found' }];
  }

  async #grant(request: IncomingMessage): Promise<readonly [number, object]> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const form = new URLSearchParams(body);
    const basic = request.headers.authorization?.replace(/^Basic /, '');
    const [basicId, basicSecret] = Buffer.from(basic ?? '', 'base64').toString().split(':');
    const client = form.get('client_id') ?? decodeURIComponent(basicId ?? '');
    const secret = form.get('client_secret') ?? decodeURIComponent(basicSecret ?? '');
    const known = this.#applications.find(({ id }) => id === client);
    const scope = form.get('scope') ?? '';
    if (form.get('grant_type') !== 'client_credentials' || !scope.endsWith('/.default')) {
      return [400, { error: 'invalid_request' }];
    }
    if (!known || known.secret !== secret) return [401, { error: 'invalid_client' }];
    this.grants.push({ client, scope });
    const token = await this.mint(known, scope.replace(/\/\.default$/, ''));
    return [200, { token_type: 'Bearer', expires_in: 3599, access_token: token }];
  }
}
