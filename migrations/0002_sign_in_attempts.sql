-- Sign-ins that went to another provider and have not come back yet. A row is taken once, by the browser that began it.
CREATE TABLE sign_in_attempts (
  state_hash TEXT PRIMARY KEY,
  browser_hash TEXT NOT NULL,
  payload TEXT NOT NULL,             -- sealed: where to go on, nonce, PKCE verifier
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_attempts_by_expiry ON sign_in_attempts (expires_at);
