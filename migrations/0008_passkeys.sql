-- Passkeys of built-in accounts. The public key is SubjectPublicKeyInfo as base64url.
CREATE TABLE passkeys (
  id TEXT PRIMARY KEY,
  credential_id TEXT NOT NULL UNIQUE, -- base64url
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  public_key TEXT NOT NULL,
  algorithm TEXT NOT NULL CHECK (algorithm IN ('ES256', 'RS256')),
  counter INTEGER NOT NULL,
  transports TEXT NOT NULL,           -- JSON: [name]
  name TEXT NOT NULL,
  backup_eligible INTEGER NOT NULL,
  backed_up INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER
) STRICT;
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- Challenges that were answered, until they would have expired: each is good once. `claim_id` names the request that took it.
CREATE TABLE passkey_challenges (
  hash TEXT PRIMARY KEY,
  claim_id TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX passkey_challenges_by_expiry ON passkey_challenges (expires_at);
