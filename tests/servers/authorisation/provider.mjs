// The authorisation server of the tests: oidc-provider on a free port of 127.0.0.1.
//
// Reads its settings as one line of JSON from standard input (../authorisation_server.py writes them), and prints one
// line of JSON, its issuer and endpoints, when it answers. People sign in, and allow or decline, on one page, whose
// form has the fields `user` and `decision`. What belongs to tests alone is below /control/.

import { X509Certificate, createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import * as querystring from 'node:querystring';
import { text } from 'node:stream/consumers';

import { nanoid } from 'nanoid';
import Provider, { errors } from 'oidc-provider';

import { JWT_BEARER, claimedIssuer, jwtBearerHandler } from './jwt_bearer.mjs';
import { Storage, expireAccessTokens, revokeAll } from './storage.mjs';

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const LONG_TOKENS = new Set(['AccessToken', 'RefreshToken']);
const DAY_SECONDS = 24 * 60 * 60;

// What tokens are drawn with takes 128 times its first draw from the system, and later as much for one that is longer
// than that; the system gives 65,536 bytes at once and no more, which a first draw of a short code leads beyond.
nanoid(65_536 / 128);

const settings = JSON.parse(await text(process.stdin));
const certificate = new X509Certificate(readFileSync(settings.certificate));

function clients() {
  const withPeople = {
    application_type: 'native', // any port of a loopback redirect URI (RFC 8252, 7.3)
    redirect_uris: ['http://127.0.0.1/', 'http://[::1]/', 'http://localhost/'],
    grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE],
  };
  const alone = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };
  const { native, desktop, service, certified_service, service_account, mail_server } = settings.clients;
  return [
    { ...withPeople, ...native, token_endpoint_auth_method: 'none' },
    { ...withPeople, ...desktop, token_endpoint_auth_method: 'client_secret_post' },
    { ...alone, ...service },
    {
      ...alone,
      ...certified_service,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'RS256',
      jwks: { keys: [certificate.publicKey.export({ format: 'jwk' })] },
    },
    {
      ...alone,
      ...service_account,
      token_endpoint_auth_method: 'none',
      grant_types: [JWT_BEARER],
      scope: settings.mail_scopes.join(' '),
    },
    { ...alone, ...mail_server, grant_types: [] },
  ];
}

function configuration() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    adapter: Storage,
    clients: clients(),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    scopes: ['openid', 'offline_access', ...settings.mail_scopes],
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true, userCodeInputSource, userCodeConfirmSource, successSource },
      devInteractions: { enabled: false },
      introspection: {
        enabled: true,
        allowedPolicy: (_, client) => client.clientId === settings.clients.mail_server.client_id,
      },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: false },
    },
    clockTolerance: 0,
    ttl: {
      AccessToken: settings.access_token_seconds,
      ClientCredentials: settings.access_token_seconds,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 90 * DAY_SECONDS,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: 90 * DAY_SECONDS,
      Session: DAY_SECONDS,
    },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    formats: { bitsOfOpaqueRandomness: (_, token) => 6 * charactersOf(token) },
    extraTokenClaims: (_, token) => ({ email: token.accountId ?? settings.service_mailbox }),
    assertJwtClientAuthClaimsAndHeader,
    renderError: (ctx, out) => { ctx.body = out; },
  };
}

/** How long a token is to be: the public client's as long as Entra's, which carry what others keep in a database. */
function charactersOf(token) {
  const isLong = LONG_TOKENS.has(token.kind) && token.clientId === settings.clients.native.client_id;
  return isLong ? settings.long_token_characters : 43;
}

// Entra wants to be told the certificate whose key signed: learn.microsoft.com, "Certificate credentials".
function assertJwtClientAuthClaimsAndHeader(_, claims, header) {
  const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url');
  if (header['x5t#S256'] !== thumbprint) throw new errors.InvalidClientAuth('x5t#S256 names no registered certificate');
}

function page(ctx, ...lines) {
  ctx.type = 'html';
  ctx.body = ['<!DOCTYPE html>', '<title>Sign in</title>', ...lines].join('\n');
}

function userCodeInputSource(ctx, form, out, error) {
  if (error && error.name !== 'AbortedError') ctx.status = 400; // declining is no mistake
  page(ctx, form, '<button type="submit" form="op.deviceInputForm">Continue</button>');
}

function userCodeConfirmSource(ctx, form, client, deviceInfo, userCode) {
  page(ctx, `<p>${userCode}</p>`, form, '<button type="submit" form="op.deviceConfirmForm">Continue</button>');
}

function successSource(ctx) {
  page(ctx, '<p>Signed in.</p>');
}

function signInPage(ctx) {
  page(
    ctx,
    '<form method="post">',
    '<input name="user" type="email" placeholder="Address" autofocus>',
    '<button name="decision" value="allow">Allow</button>',
    '<button name="decision" value="decline">Decline</button>',
    '</form>',
  );
}

async function readForm(ctx) {
  return querystring.parse(await text(ctx.req));
}

/** Who signs in, and whether the client may have what it asks for, in one page. */
async function interact(ctx, provider) {
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  if (ctx.method !== 'POST') return signInPage(ctx);
  const { user, decision } = await readForm(ctx);
  const result = decision === 'allow'
    ? { login: { accountId: user }, consent: { grantId: await grant(provider, user, params) } }
    : { error: 'access_denied', error_description: 'the user has declined' };
  ctx.status = 303;
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
}

async function grant(provider, user, { client_id: clientId, scope }) {
  const granted = new provider.Grant({ accountId: user, clientId });
  if (scope) granted.addOIDCScope(scope);
  return granted.save();
}

const tokenRequests = [];

async function control(ctx) {
  switch (ctx.path) {
    case '/control/token-requests':
      ctx.body = tokenRequests;
      break;
    case '/control/revoke':
      revokeAll((await readForm(ctx)).user);
      ctx.status = 204;
      break;
    case '/control/expire':
      expireAccessTokens((await readForm(ctx)).mailbox);
      ctx.status = 204;
      break;
  }
}

/** Answer a token request, and note what was asked and how it ended; nothing secret. */
async function answerTokenRequest(ctx, next) {
  const form = await readForm(ctx);
  // Google knows a service account by the assertion alone; the provider wants to know the client first.
  if (form.grant_type === JWT_BEARER) form.client_id ??= claimedIssuer(form.assertion);
  ctx.req.body = form;
  await next();
  tokenRequests.push({
    grant_type: form.grant_type ?? null,
    client_id: ctx.oidc.client?.clientId ?? null,
    outcome: ctx.body.error ?? 'granted',
  });
}

function build(issuer) {
  const provider = new Provider(issuer, configuration());
  provider.registerGrantType(JWT_BEARER, jwtBearerHandler(provider, certificate), ['assertion']);
  provider.use(async (ctx, next) => {
    if (ctx.path.startsWith('/interaction/')) return interact(ctx, provider);
    if (ctx.path.startsWith('/control/')) return control(ctx);
    if (ctx.method === 'POST' && ctx.path === provider.pathFor('token')) return answerTokenRequest(ctx, next);
    await next();
    if (ctx.oidc?.route === 'device_authorization' && ctx.status === 200) {
      ctx.body.interval = settings.device_interval_seconds;
    }
  });
  return provider;
}

function createServer() {
  if (!settings.tls) return http.createServer();
  return https.createServer({ cert: readFileSync(settings.tls.certificate), key: readFileSync(settings.tls.key) });
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const scheme = settings.tls ? 'https' : 'http';
  const provider = build(`${scheme}://127.0.0.1:${server.address().port}`);
  server.on('request', provider.callback());
  console.log(JSON.stringify({
    issuer: provider.issuer,
    authorise_url: provider.urlFor('authorization'),
    token_url: provider.urlFor('token'),
    device_url: provider.urlFor('device_authorization'),
    verification_url: provider.urlFor('code_verification'),
    revocation_url: provider.urlFor('revocation'),
    introspection_url: provider.urlFor('introspection'),
  }));
});
