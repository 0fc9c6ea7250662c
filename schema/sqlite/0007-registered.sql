-- Registered letters: each recipient accepts or refuses within a window that is counted from his notice.
ALTER TABLE letter ADD COLUMN profile TEXT;		-- fr-lre; null: none
-- The first moment that is too late (null: no notice has gone out yet, or the letter is a simple one), what was decided, and when.
ALTER TABLE recipient ADD COLUMN window_end BIGINT;
ALTER TABLE recipient ADD COLUMN decision TEXT;		-- accepted | refused | unclaimed
ALTER TABLE recipient ADD COLUMN decided BIGINT;
-- When a reminder is due next.
ALTER TABLE recipient ADD COLUMN remind BIGINT;
CREATE INDEX recipient_window ON recipient (window_end) WHERE window_end IS NOT NULL AND decision IS NULL;
CREATE INDEX recipient_remind ON recipient (remind) WHERE remind IS NOT NULL;
-- simple | registered | fr-lre (registered, with that profile); null: the entity's own class, and that: simple.
ALTER TABLE draft ADD COLUMN class TEXT;
ALTER TABLE entity ADD COLUMN class TEXT;
