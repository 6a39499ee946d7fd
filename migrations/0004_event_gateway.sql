-- Amazon's tokens get a third purpose, and remember the code they came from, so that a directive that comes twice is answered twice.
CREATE TABLE amazon_tokens_with_code (
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  purpose TEXT NOT NULL CHECK (purpose IN ('enablement', 'event_gateway', 'reciprocal')),
  host TEXT NOT NULL,
  tokens TEXT NOT NULL,              -- sealed
  access_expires_at INTEGER NOT NULL,
  code_hash TEXT,
  refreshing_until INTEGER,          -- names the one refresh that runs
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (grant_id, purpose)
) STRICT;
INSERT INTO amazon_tokens_with_code (grant_id, purpose, host, tokens, access_expires_at, refreshing_until, updated_at)
  SELECT grant_id, purpose, host, tokens, access_expires_at, refreshing_until, updated_at FROM amazon_tokens;
DROP TABLE amazon_tokens;
ALTER TABLE amazon_tokens_with_code RENAME TO amazon_tokens;
CREATE INDEX amazon_tokens_by_seal ON amazon_tokens (substr(tokens, 1, 6));
