-- A link that moved in was made years ago, and is told of now: messages are given up by their age.
DROP TRIGGER webhook_link_created;
CREATE TRIGGER webhook_link_created AFTER INSERT ON grants
WHEN NEW.skill_id IS NOT NULL AND EXISTS (SELECT 1 FROM settings WHERE name = 'webhooks')
BEGIN
  INSERT INTO webhook_outbox (id, type, data, occurred_at) VALUES (
    'msg_' || lower(hex(randomblob(16))), 'link.created',
    json_object('grantId', NEW.id, 'userId', NEW.user_id, 'skillId', NEW.skill_id, 'stage', NEW.skill_stage, 'flow', NEW.flow),
    COALESCE(NEW.imported_at, NEW.created_at)
  );
END;
