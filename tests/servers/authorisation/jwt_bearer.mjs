// The grant of a service account that acts for a mailbox (RFC 7523, 2.1), after Google's rules:
// https://developers.google.com/identity/protocols/oauth2/service-account

import * as jose from 'jose';
import { errors } from 'oidc-provider';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** Return who signed the assertion of a token request, as it says itself; undefined where it cannot be read. */
export function claimedIssuer(assertion) {
  try {
    return jose.decodeJwt(assertion).iss;
  } catch {
    return undefined;
  }
}

/** Return the grant's handler; only the holder of the certificate's key acts for mailboxes. */
export function jwtBearerHandler(provider, certificate) {
  return async function jwtBearer(ctx, next) {
    const { client, params } = ctx.oidc;
    const { sub, scope } = await verify(params.assertion, certificate, client.clientId, provider.urlFor('token'));
    const delegated = new Set(client.scope.split(' '));
    if (!sub || !scope?.split(' ').every((name) => delegated.has(name))) {
      throw new errors.UnauthorizedClient('this client is not delegated these scopes for this mailbox');
    }
    const token = new provider.AccessToken({ accountId: sub, client, gty: 'jwt_bearer', scope });
    ctx.body = {
      access_token: await token.save(),
      expires_in: token.expiration,
      token_type: token.tokenType,
      scope,
    };
    await next();
  };
}

async function verify(assertion, certificate, issuer, audience) {
  let payload;
  try {
    ({ payload } = await jose.jwtVerify(assertion ?? '', certificate.publicKey, {
      algorithms: ['RS256'],
      audience,
      issuer,
      maxTokenAge: '1h',
      requiredClaims: ['exp'],
    }));
  } catch (error) {
    throw new errors.InvalidGrant(`the assertion does not hold: ${error.message}`);
  }
  if (payload.exp - payload.iat > 3600) throw new errors.InvalidGrant('the assertion is valid for more than an hour');
  return payload;
}
