/**
 * How a bot with botbuilder lets itself be called by another one, with real tokens. In Azure a few
 * settings do it; away from Azure the token endpoint has to be asked by hand, because the library that
 * the SDK uses for it refuses a login host that is not Microsoft's.
 */

import {
  AuthenticationConfiguration, BotFrameworkAuthenticationFactory, PasswordServiceClientCredentialFactory,
  allowedCallersClaimsValidator,
} from 'botframework-connector';
import type { BotFrameworkAuthentication } from 'botframework-connector';

/** What the SDK signs requests with. */
type Credentials = Awaited<ReturnType<PasswordServiceClientCredentialFactory['createCredentials']>>;

/** What the SDK hands over to be signed. */
type Signed = Parameters<Credentials['signRequest']>[0];

const env = (name: string) => process.env[name] ?? '';

class LocalCredentials extends PasswordServiceClientCredentialFactory {
  override async createCredentials(appId: string, audience: string): Promise<Credentials> {
    const signRequest = async (request: Signed) => {
      const answer = await fetch(`${env('ToChannelFromBotLoginUrl')}/oauth2/v2.0/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: appId,
          client_secret: env('MicrosoftAppPassword'),
          scope: `${audience}/.default`,
        }),
      });
      const { access_token: token } = (await answer.json()) as { access_token: string };
      request.headers.set('authorization', `Bearer ${token}`);
      return request;
    };
    return { signRequest } as Credentials;
  }
}

/** Trusts the caller that `ALLOWED_CALLER` names, and tokens of the issuer that `ISSUER` names. */
export function skillAuthentication(appId: string): BotFrameworkAuthentication {
  return BotFrameworkAuthenticationFactory.create(
    '',
    false,
    env('ToChannelFromBotLoginUrl'),
    'https://api.botframework.com',
    'https://api.botframework.com',
    'https://token.invalid',
    env('ToBotFromChannelOpenIdMetadataUrl'),
    env('ToBotFromEmulatorOpenIdMetadataUrl'),
    '',
    new LocalCredentials(appId, env('MicrosoftAppPassword'), env('MicrosoftAppTenantId')),
    new AuthenticationConfiguration(
      [],
      allowedCallersClaimsValidator([env('ALLOWED_CALLER')]),
      [env('ISSUER')],
    ),
  );
}
