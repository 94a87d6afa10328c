// What the provider remembers, in memory. Its adapter interface: oidc-provider, example/my_adapter.js.

const stored = new Map();

const ACCESS_TOKENS = new Set(['AccessToken', 'ClientCredentials']);

export class Storage {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    stored.set(this.key(id), payload);
  }

  async find(id) {
    return stored.get(this.key(id));
  }

  async findByUid(uid) {
    return this.findBy('uid', uid);
  }

  async findByUserCode(userCode) {
    return this.findBy('userCode', userCode);
  }

  findBy(property, value) {
    for (const [key, payload] of stored) {
      if (key.startsWith(`${this.model}:`) && payload[property] === value) return payload;
    }
    return undefined;
  }

  async consume(id) {
    stored.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    stored.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    forget((payload) => payload.grantId === grantId);
  }
}

function forget(condition) {
  for (const [key, payload] of stored) {
    if (condition(payload)) stored.delete(key);
  }
}

/** End all sessions, grants and tokens of a user. */
export function revokeAll(user) {
  forget((payload) => payload.accountId === user);
}

/** Let the access tokens issued so far for a mailbox have expired, whatever their lifetime was to be. */
export function expireAccessTokens(mailbox) {
  for (const payload of stored.values()) {
    if (ACCESS_TOKENS.has(payload.kind) && payload.extra.email === mailbox) payload.exp = payload.iat;
  }
}
