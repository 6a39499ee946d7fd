-- What must not come back with an older copy of this database: written by triggers, whatever ended it, and taken to KV by the
-- scheduled work (storage/endings.ts), where a restore of D1 does not reach.
CREATE TABLE endings (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('grant', 'user', 'logins')),
  subject TEXT NOT NULL
) STRICT;

CREATE TRIGGER endings_grant_revoked AFTER UPDATE OF revoked_at ON grants
WHEN OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL
BEGIN
  INSERT INTO endings (kind, subject) VALUES ('grant', NEW.id);
END;

CREATE TRIGGER endings_grant_deleted AFTER DELETE ON grants WHEN OLD.revoked_at IS NULL
BEGIN
  INSERT INTO endings (kind, subject) VALUES ('grant', OLD.id);
END;

CREATE TRIGGER endings_user_deleted AFTER DELETE ON users
BEGIN
  INSERT INTO endings (kind, subject) VALUES ('user', OLD.id);
END;

CREATE TRIGGER endings_logins_ended AFTER UPDATE OF session_epoch ON users WHEN NEW.session_epoch > OLD.session_epoch
BEGIN
  INSERT INTO endings (kind, subject) VALUES ('logins', NEW.id);
END;

-- Refresh tokens that another server gave out: known by the hash of the whole token only.
ALTER TABLE grants ADD COLUMN imported_at INTEGER;
CREATE UNIQUE INDEX grants_by_imported_token ON grants (refresh_hash) WHERE imported_at IS NOT NULL;
