-- Letters that came from an archive (office/archive_import.h): state 'archived', number = that of their import's entry.
ALTER TABLE letter ADD COLUMN archived BIGINT;		-- since; null: deposited here
ALTER TABLE letter ADD COLUMN archive BLOB;		-- where from, sealed under the entity's metadata key

-- The proofs that came with them, as they are.
CREATE TABLE archived_proof (
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,			-- recipient; 0: the sender's
	object BLOB NOT NULL,			-- under the letter's proof key, which is in `archive`
	size BIGINT NOT NULL,
	sha256 BLOB NOT NULL,
	PRIMARY KEY (entity, letter, n)
) WITHOUT ROWID;
