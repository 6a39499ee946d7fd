-- What was made and ended, to be told to the company's own servers. Triggers write it, in the transaction of what it reports:
-- no way of making or ending a link can forget it. Only while somebody wants to be told.
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE webhook_outbox (
  id TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  data TEXT NOT NULL,                -- JSON, as it is sent
  occurred_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX webhook_outbox_by_time ON webhook_outbox (next_attempt_at, occurred_at);

CREATE TRIGGER webhook_link_created AFTER INSERT ON grants
WHEN NEW.skill_id IS NOT NULL AND EXISTS (SELECT 1 FROM settings WHERE name = 'webhooks')
BEGIN
  INSERT INTO webhook_outbox (id, type, data, occurred_at) VALUES (
    'msg_' || lower(hex(randomblob(16))), 'link.created',
    json_object('grantId', NEW.id, 'userId', NEW.user_id, 'skillId', NEW.skill_id, 'stage', NEW.skill_stage, 'flow', NEW.flow),
    NEW.created_at
  );
END;

CREATE TRIGGER webhook_link_removed AFTER UPDATE OF revoked_at ON grants
WHEN NEW.skill_id IS NOT NULL AND OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL
  AND EXISTS (SELECT 1 FROM settings WHERE name = 'webhooks')
BEGIN
  INSERT INTO webhook_outbox (id, type, data, occurred_at) VALUES (
    'msg_' || lower(hex(randomblob(16))), 'link.removed',
    json_object('grantId', NEW.id, 'userId', NEW.user_id, 'skillId', NEW.skill_id, 'stage', NEW.skill_stage, 'flow', NEW.flow,
      'reason', COALESCE(NEW.revoked_reason, 'unknown')),
    NEW.revoked_at
  );
END;

-- A living link goes with its user or its skill, or was idle for too long. Only here the database's own clock tells the time.
CREATE TRIGGER webhook_link_deleted AFTER DELETE ON grants
WHEN OLD.skill_id IS NOT NULL AND OLD.revoked_at IS NULL AND EXISTS (SELECT 1 FROM settings WHERE name = 'webhooks')
BEGIN
  INSERT INTO webhook_outbox (id, type, data, occurred_at) VALUES (
    'msg_' || lower(hex(randomblob(16))), 'link.removed',
    json_object('grantId', OLD.id, 'userId', OLD.user_id, 'skillId', OLD.skill_id, 'stage', OLD.skill_stage, 'flow', OLD.flow,
      'reason', CASE WHEN EXISTS (SELECT 1 FROM users WHERE id = OLD.user_id) THEN 'deleted' ELSE 'user_deleted' END),
    CAST(unixepoch('subsec') * 1000 AS INTEGER)
  );
END;
