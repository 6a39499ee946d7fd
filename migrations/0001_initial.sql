-- Times are integers: milliseconds since 1970. Values that a client presents are stored as SHA-256 hashes, values that
-- must be read back are sealed (AES-256-GCM under a key derived from MASTER_KEY).
--
-- Every index entry is a row that D1 writes and bills, also the entry of a text primary key. Tables that every link or
-- sign-in writes have no rowid, which saves that entry, and only the indexes that docs/storage.md gives a reason for.

-- Registered skills, with the client pairs that we present to Amazon. Redirect URIs are in the skill's client.
CREATE TABLE skills (
  id TEXT PRIMARY KEY,
  stage TEXT NOT NULL CHECK (stage IN ('development', 'live')), -- of enablement calls, by default
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  linking TEXT CHECK (linking IN ('required', 'optional')), -- NULL: the default of the type
  vendor_id TEXT,
  resource TEXT UNIQUE,              -- type 'add_on' only: its MCP server's URI, compared byte by byte
  scopes TEXT NOT NULL,              -- JSON: [{"name", "tier", "descriptions": {"en": …}}]
  return_urls TEXT NOT NULL,         -- JSON: [url]
  extra_redirect_uris TEXT NOT NULL, -- JSON: [url]
  lwa_client_id TEXT,
  lwa_client_secret TEXT,            -- sealed
  event_client_id TEXT,
  event_client_secret TEXT,          -- sealed
  relay TEXT,                        -- JSON: {"tokenUrl", "userinfoUrl", "clientId", "person": {"claim", "as"}}
  relay_client_secret TEXT,          -- sealed
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX skills_by_name ON skills (name COLLATE NOCASE);

-- OAuth clients that call us: Alexa's, one for each skill; the company's apps; the skills' backends. An add-on may have
-- a second client of Alexa's for its service tokens.
CREATE TABLE clients (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('alexa', 'add_on_service', 'app', 'service')),
  name TEXT NOT NULL,
  secret_hash TEXT,
  previous_secret_hash TEXT,
  previous_secret_expires_at INTEGER,
  redirect_uris TEXT NOT NULL,       -- JSON: [url], compared byte by byte
  scopes TEXT NOT NULL,              -- JSON: [name]; empty for Alexa's clients, whose skill has them
  skill_id TEXT REFERENCES skills (id) ON DELETE CASCADE, -- Alexa's clients only
  skill_ids TEXT NOT NULL,           -- JSON: [skill id], kind 'service' only
  resources TEXT NOT NULL,           -- JSON: [uri], audiences of its own tokens (RFC 8707), kind 'service' only
  require_pkce INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (skill_id, kind)
) STRICT;

-- Customers. Incrementing `session_epoch` ends all sessions of a customer.
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT,
  name TEXT,
  session_epoch INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_email ON users (email);

-- Ways in which customers sign in: (method, issuer, subject) identifies one user. Never merged by e-mail address.
CREATE TABLE identities (
  method TEXT NOT NULL,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  password_hash TEXT,                -- sealed; carries its own parameters
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  PRIMARY KEY (method, issuer, subject)
) STRICT;
CREATE INDEX identities_by_user ON identities (user_id);
-- The first six characters of a sealed value name its master key. Maintenance finds values of the previous key by them.
CREATE INDEX identities_by_seal ON identities (substr(password_hash, 1, 6)) WHERE password_hash IS NOT NULL;

-- Sign-ins, one row each. Writes need a row that has not ended. The browsers of a user's rows count as known, so that
-- guesses from elsewhere do not slow them down. A sign-in replaces the row of the same user and browser.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,               -- the session id in the cookie
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  browser_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at INTEGER                   -- time of signing out, or of somebody else's sign-in in the same browser
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id, browser_hash);
CREATE INDEX sessions_by_browser ON sessions (browser_hash);
CREATE INDEX sessions_by_age ON sessions (created_at);

-- Counters of failed password sign-ins and wrong admin tokens.
CREATE TABLE throttles (
  key TEXT PRIMARY KEY,              -- keyed hash of an account, a network, a browser or a pair
  failures REAL NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX throttles_by_age ON throttles (updated_at);

-- Link attempts, one row each from the first POST on.
CREATE TABLE attempts (
  id TEXT PRIMARY KEY,
  flow TEXT NOT NULL CHECK (flow IN ('alexa_app', 'app_to_app', 'website', 'app_authorize', 'oauth')),
  platform TEXT,
  skill_id TEXT,
  stage TEXT,                        -- of the enablement call, if we make one
  locale TEXT,                       -- the page's language
  client_id TEXT,
  user_id TEXT,
  browser_hash TEXT,                 -- after erasure one random value for all attempts of the person
  session_id TEXT,
  outcome TEXT NOT NULL CHECK (outcome IN ('pending', 'linked', 'cancelled', 'failed', 'abandoned')),
  reason TEXT,
  steps TEXT NOT NULL,               -- JSON: [{"name", "at"}]
  decision TEXT CHECK (decision IN ('allow', 'deny')),
  decided_at INTEGER,
  grant_id TEXT,
  redeemed_at INTEGER,               -- when the attempt's first code was redeemed
  accept_grant TEXT CHECK (accept_grant IN ('accepted', 'refused')),
  redirect_uri TEXT,
  -- Only for attempts that were decided at /authorize or /api/authorizations, for operators:
  scope TEXT,
  pkce INTEGER,                      -- 1: the request had a code challenge
  -- Only for attempts that start in the company's app or website:
  state_hash TEXT,
  return_to TEXT,
  amazon_code_hash TEXT,
  amazon_tokens TEXT CHECK (amazon_tokens IS NULL OR outcome = 'pending'), -- sealed
  amazon_host TEXT,                  -- the host of Alexa's API that reported LINKED
  running_until INTEGER,             -- no other run may start before; NULL: none is running
  run_id TEXT,                       -- of the latest run
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  finished_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX attempts_by_state ON attempts (state_hash) WHERE state_hash IS NOT NULL;
CREATE INDEX attempts_by_time ON attempts (created_at DESC, id DESC);
CREATE INDEX attempts_by_user ON attempts (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX attempts_pending ON attempts (outcome, created_at DESC, id DESC) WHERE outcome = 'pending';
-- Most attempts end as linked: the indexes above find those at once.
CREATE INDEX attempts_by_outcome ON attempts (outcome, created_at DESC, id DESC)
  WHERE outcome IN ('cancelled', 'failed', 'abandoned');
CREATE INDEX attempts_by_skill_and_outcome ON attempts (skill_id, outcome, created_at DESC, id DESC)
  WHERE outcome IN ('cancelled', 'failed', 'abandoned');
CREATE INDEX attempts_without_person ON attempts (created_at) WHERE user_id IS NULL AND decision IS NULL;

-- One row for each link attempt with Alexa, from its first page or call on; the counters write them. No other index: the
-- key finds the row of a page that is shown again, the hour finds a report's rows.
CREATE TABLE initiations (
  hour_at INTEGER NOT NULL,
  key TEXT NOT NULL,                 -- keyed hash of what identifies the attempt, such as client_id and state
  at INTEGER NOT NULL,
  flow TEXT NOT NULL CHECK (flow IN ('alexa_app', 'app_to_app', 'website', 'app_authorize')),
  skill_id TEXT,
  platform TEXT,
  stage TEXT,
  locale TEXT,
  browser_hash TEXT,
  user_id TEXT,                      -- once known; after erasure one random value for all rows of the person
  PRIMARY KEY (hour_at, key)
) STRICT, WITHOUT ROWID;

-- Our authorization codes, by hash. A code's binding never changes; KV has a sealed copy. One conditional UPDATE spends
-- the code. The codes of an attempt are found through its user, as its grants are.
CREATE TABLE codes (
  code_hash TEXT PRIMARY KEY,
  attempt_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('authorize', 'app', 'enablement')),
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  scope TEXT NOT NULL,
  code_challenge TEXT,
  resource TEXT,                     -- of the add-on that the consent was for
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  spent_at INTEGER,
  claim_id TEXT,
  voided_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_by_user ON codes (user_id);
CREATE INDEX codes_by_expiry ON codes (expires_at);

-- Grants, one per redeemed consent: a link with Alexa, or a sign-in to the company's app.
CREATE TABLE grants (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  skill_id TEXT,
  scope TEXT NOT NULL,
  flow TEXT NOT NULL,
  attempt_id TEXT,
  refresh_hash TEXT,                 -- of a stable token's secret, or of an imported token; NULL for rotating ones
  salt TEXT,                         -- of rotating tokens: random
  generation INTEGER NOT NULL DEFAULT 0, -- of rotating tokens: the highest that was used
  rotated_at INTEGER,                -- of rotating tokens: when that generation was first used
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL,
  idle_expires_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  revoked_reason TEXT,
  alexa_user_id TEXT,
  imported_at INTEGER,               -- set if another server issued the refresh token
  level_shown INTEGER CHECK (level_shown BETWEEN 1 AND 4), -- 1 to 4: see link-levels.ts
  FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_alexa_user ON grants (alexa_user_id) WHERE alexa_user_id IS NOT NULL;
CREATE INDEX grants_by_idle ON grants (idle_expires_at);
CREATE INDEX grants_by_revocation ON grants (revoked_at) WHERE revoked_at IS NOT NULL AND imported_at IS NULL;
CREATE INDEX ended_imports ON grants (revoked_at) WHERE revoked_at IS NOT NULL AND imported_at IS NOT NULL;
CREATE UNIQUE INDEX grants_by_imported_token ON grants (refresh_hash) WHERE imported_at IS NOT NULL;
CREATE INDEX grants_by_end ON grants (expires_at) WHERE expires_at IS NOT NULL;

-- Amazon's tokens of a grant, one row for each purpose.
CREATE TABLE amazon_tokens (
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  purpose TEXT NOT NULL CHECK (purpose IN ('enablement', 'event_gateway', 'reciprocal')),
  host TEXT NOT NULL,
  tokens TEXT NOT NULL,              -- sealed
  access_expires_at INTEGER NOT NULL,
  code_hash TEXT,                    -- of the Amazon code that they were exchanged for
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (grant_id, purpose)
) STRICT;
CREATE INDEX amazon_tokens_by_seal ON amazon_tokens (substr(tokens, 1, 6));

-- The developer's token for the Skill Management API: at most one row.
CREATE TABLE developer_token (
  id TEXT PRIMARY KEY CHECK (id = 'smapi'),
  credentials TEXT NOT NULL,         -- sealed JSON: {"clientId", "clientSecret", "refreshToken"}
  stored_at INTEGER NOT NULL,
  used_at INTEGER,                   -- when Login with Amazon last responded; NULL: never
  refusal TEXT                       -- its error code then; NULL: it gave an access token
) STRICT;

-- Skills still to be disabled at Amazon by the scheduled maintenance.
CREATE TABLE pending_unlinks (
  id TEXT PRIMARY KEY,               -- random
  grant_id TEXT UNIQUE,              -- NULL: the user was erased during an attempt
  user_id TEXT,                      -- NULL: the user was erased
  skill_id TEXT NOT NULL,
  host TEXT NOT NULL,
  tokens TEXT NOT NULL,              -- sealed
  sealed_for TEXT NOT NULL,          -- the context that `tokens` was sealed for
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pending_unlinks_by_time ON pending_unlinks (next_attempt_at);
CREATE INDEX pending_unlinks_by_user ON pending_unlinks (user_id, skill_id);

-- Keys that sign access tokens, published before `signs_from` and until `verifies_until`.
CREATE TABLE signing_keys (
  kid TEXT PRIMARY KEY,
  public_jwk TEXT NOT NULL,
  private_jwk TEXT NOT NULL,         -- sealed
  created_at INTEGER NOT NULL,
  signs_from INTEGER NOT NULL,
  verifies_until INTEGER
) STRICT;

-- Changes, and events that need a look (alerts). Rows are written in the batch of the change.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  alert INTEGER NOT NULL DEFAULT 0,
  actor TEXT,                        -- the operator: 'ADMIN_TOKEN' or an e-mail address; NULL: nobody of ours
  user_id TEXT,
  client_id TEXT,
  grant_id TEXT,
  attempt_id TEXT,
  details TEXT
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_alerts ON audit (id) WHERE alert = 1;
CREATE INDEX audit_by_user ON audit (user_id);
CREATE INDEX audit_by_grant ON audit (grant_id);
-- Ids of operators' sessions that were signed out: no copy of their cookies acts any more.
CREATE UNIQUE INDEX audit_operator_sign_outs ON audit (details) WHERE kind = 'operator_signed_out';

-- Counts of refused requests. They show operators why no customer can link.
CREATE TABLE refusals (
  endpoint TEXT NOT NULL CHECK (endpoint IN ('authorize', 'wrong_address', 'token', 'events', 'accept_grant')),
  client_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,              -- redirect URI, path, grant id or skill id, by endpoint
  count INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  recent TEXT NOT NULL,              -- JSON: [[minute, count, error id]], latest first
  PRIMARY KEY (endpoint, client_id, reason, detail)
) STRICT;
CREATE INDEX refusals_by_time ON refusals (last_seen_at);

-- Errors that were shown with an error id, which customers quote.
CREATE TABLE shown_errors (
  id TEXT PRIMARY KEY COLLATE NOCASE,  -- customers read it to somebody
  at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  path TEXT NOT NULL,
  reason TEXT NOT NULL,
  client_id TEXT                     -- as it came in the request
) STRICT, WITHOUT ROWID;
CREATE INDEX shown_errors_by_time ON shown_errors (at);

-- Counters per hour, skill and name. `skill_id` is empty if no skill was involved.
CREATE TABLE oauth_metrics (
  hour_at INTEGER NOT NULL,
  skill_id TEXT NOT NULL,
  name TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (hour_at, skill_id, name)
) STRICT, WITHOUT ROWID;

-- States that operators should know of, from the first run of maintenance that finds them until one finds them gone.
-- At most one row of a name and subject is open.
CREATE TABLE alerts (
  raised_at INTEGER NOT NULL,
  name TEXT NOT NULL,
  subject TEXT NOT NULL,             -- a skill id, a client id, or empty: this server
  cleared_at INTEGER,
  skill_id TEXT,
  client_id TEXT,
  message TEXT NOT NULL,             -- one sentence with the numbers
  numbers TEXT NOT NULL,             -- JSON: {"bad": 12, …}
  PRIMARY KEY (raised_at, name, subject)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX alerts_open ON alerts (name, subject) WHERE cleared_at IS NULL;

-- Alexa's skill events that were processed, so that repeats are recognised.
CREATE TABLE skill_events (
  request_id TEXT PRIMARY KEY,
  type TEXT,
  skill_id TEXT,
  alexa_user_id TEXT, -- the customer's id when their links are deleted, a random value when they are erased
  event_at INTEGER,
  received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX skill_events_by_alexa_user ON skill_events (alexa_user_id, skill_id) WHERE alexa_user_id IS NOT NULL;
CREATE INDEX skill_events_by_time ON skill_events (received_at);

-- Sign-ins at an identity provider, from the redirect there to the callback. What the callback needs travels with the
-- browser, sealed, in cookies. A browser has five sets of them, so at most five open sign-ins.
CREATE TABLE sign_in_attempts (
  state_hash TEXT PRIMARY KEY,
  browser_hash TEXT NOT NULL,
  slot INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 4), -- the set of cookies
  expires_at INTEGER NOT NULL,
  UNIQUE (browser_hash, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_attempts_by_expiry ON sign_in_attempts (expires_at);

-- Webhook messages about links that were made or removed. Triggers write them in the transaction of the change, so no
-- way of making or removing a link can omit one. Without a configured webhook, maintenance deletes them. The primary
-- key serves the query for due messages. Messages that were given up have 8640000000000000 as next_attempt_at.
CREATE TABLE webhook_outbox (
  next_attempt_at INTEGER NOT NULL DEFAULT 0,
  occurred_at INTEGER NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,                -- JSON, as it is sent
  attempts INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (next_attempt_at, occurred_at, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER webhook_link_created AFTER INSERT ON grants
WHEN NEW.skill_id IS NOT NULL
BEGIN
  INSERT INTO webhook_outbox (id, type, data, occurred_at) VALUES (
    'msg_' || lower(hex(randomblob(16))), 'link.created',
    json_object('grantId', NEW.id, 'userId', NEW.user_id, 'skillId', NEW.skill_id, 'flow', NEW.flow),
    COALESCE(NEW.imported_at, NEW.created_at)
  );
END;

CREATE TRIGGER webhook_link_removed AFTER UPDATE OF revoked_at ON grants
WHEN NEW.skill_id IS NOT NULL AND OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL
BEGIN
  INSERT INTO webhook_outbox (id, type, data, occurred_at) VALUES (
    'msg_' || lower(hex(randomblob(16))), 'link.removed',
    json_object('grantId', NEW.id, 'userId', NEW.user_id, 'skillId', NEW.skill_id, 'flow', NEW.flow,
      'reason', COALESCE(NEW.revoked_reason, 'unknown')),
    NEW.revoked_at
  );
END;

-- A live link is deleted with its user, skill or client. This is the only use of the database's own clock.
CREATE TRIGGER webhook_link_deleted AFTER DELETE ON grants
WHEN OLD.skill_id IS NOT NULL AND OLD.revoked_at IS NULL
BEGIN
  INSERT INTO webhook_outbox (id, type, data, occurred_at) VALUES (
    'msg_' || lower(hex(randomblob(16))), 'link.removed',
    json_object('grantId', OLD.id, 'userId', OLD.user_id, 'skillId', OLD.skill_id, 'flow', OLD.flow,
      'reason', CASE WHEN EXISTS (SELECT 1 FROM users WHERE id = OLD.user_id) THEN 'deleted' ELSE 'user_deleted' END),
    CAST(unixepoch('subsec') * 1000 AS INTEGER)
  );
END;
