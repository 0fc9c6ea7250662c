-- Retention: how long content and evidence of letters are kept, what holds them longer, and what is gone.

-- Named spans.  What has no row here is in the settings ("simple") or in the program ("registered").
CREATE TABLE retention (
	entity BLOB NOT NULL,
	name TEXT NOT NULL,
	content_days BIGINT NOT NULL,
	evidence_days BIGINT NOT NULL,
	PRIMARY KEY (entity, name)
) WITHOUT ROWID;

ALTER TABLE letter ADD COLUMN retention TEXT;		-- name of the span; null: deposited before there were any
ALTER TABLE letter ADD COLUMN content_until BIGINT;	-- before this no content is deleted, by nobody
ALTER TABLE letter ADD COLUMN evidence_until BIGINT;
ALTER TABLE letter ADD COLUMN retention_due BIGINT;	-- when the next of the two goes: first content, then evidence; null while held
ALTER TABLE letter ADD COLUMN held BIGINT;		-- under legal hold since
ALTER TABLE letter ADD COLUMN purged BIGINT;		-- content gone since; then kid and letter_key are empty
UPDATE letter SET content_until = expires, evidence_until = expires + 157766400000000, retention_due = expires;
CREATE INDEX letter_retention ON letter (retention_due);

-- Legal holds in force.
CREATE TABLE hold (
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	since BIGINT NOT NULL,
	sealed BLOB NOT NULL,			-- why, by whom
	PRIMARY KEY (entity, letter)
) WITHOUT ROWID;
