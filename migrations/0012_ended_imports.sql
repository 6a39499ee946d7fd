-- Ended links that moved in from another server stay on record for longer than others: each kind is found by an index of its own.
DROP INDEX grants_by_revocation;
CREATE INDEX grants_by_revocation ON grants (revoked_at) WHERE revoked_at IS NOT NULL AND imported_at IS NULL;
CREATE INDEX ended_imports ON grants (revoked_at) WHERE revoked_at IS NOT NULL AND imported_at IS NOT NULL;
