-- Amazon copies a skill's account-linking configuration from development to live: both stages may present one client.
ALTER TABLE skills ADD COLUMN client_id TEXT;
ALTER TABLE skills ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '[]'; -- JSON: [url], all that this stage needs; its client's are the union
UPDATE skills SET
  client_id = (SELECT c.id FROM clients c WHERE c.skill_id = skills.id AND c.skill_stage = skills.stage AND c.kind = 'alexa'),
  redirect_uris = COALESCE(
    (SELECT c.redirect_uris FROM clients c WHERE c.skill_id = skills.id AND c.skill_stage = skills.stage AND c.kind = 'alexa'), '[]');
CREATE INDEX skills_by_client ON skills (client_id);
