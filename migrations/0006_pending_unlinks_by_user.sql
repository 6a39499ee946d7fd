-- A customer who links again takes back what was still to be disabled at Amazon.
CREATE INDEX pending_unlinks_by_user ON pending_unlinks (user_id, skill_id);
