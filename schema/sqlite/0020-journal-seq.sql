-- The journal's number is the place of its row: as BIGINT it had an index of its own, which each entry was written into as well.
CREATE TABLE journal_new (
	seq INTEGER NOT NULL PRIMARY KEY,
	t BIGINT NOT NULL,
	event TEXT NOT NULL,
	type TEXT NOT NULL,
	state TEXT,
	entity BLOB,
	letter BLOB,
	recipient BLOB,
	account BLOB,
	leaf BLOB NOT NULL,			-- SHA-256(0x00 ‖ entry)
	entry BLOB,				-- canonical JSON; null once erased
	shown BLOB				-- {salt, sheet} sealed: Entité, SIREN, Utilisateur, Document of the document chain
);
INSERT INTO journal_new (seq, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown)
	SELECT seq, t, event, type, state, entity, letter, recipient, account, leaf, entry, shown FROM journal ORDER BY seq;
DROP TABLE journal;
ALTER TABLE journal_new RENAME TO journal;
CREATE INDEX journal_letter ON journal (letter);
