-- Skill events that were taken: what they said about whom, so that one that comes late or twice finds what came before it.
ALTER TABLE skill_events ADD COLUMN claim_id TEXT;
ALTER TABLE skill_events ADD COLUMN type TEXT;
ALTER TABLE skill_events ADD COLUMN skill_id TEXT;
ALTER TABLE skill_events ADD COLUMN alexa_user_id TEXT;
ALTER TABLE skill_events ADD COLUMN event_at INTEGER;
CREATE INDEX skill_events_by_alexa_user ON skill_events (alexa_user_id, skill_id) WHERE alexa_user_id IS NOT NULL;
