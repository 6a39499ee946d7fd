-- What Alexa's messages have shown about a link, in rising weight: 1 an event said one speaker's, 2 an event said the account's,
-- 3 a spoken request said one speaker's, 4 a spoken request said the account's (storage/link-levels.ts). NULL: nothing yet.
ALTER TABLE grants ADD COLUMN level_shown INTEGER CHECK (level_shown BETWEEN 1 AND 4);
