-- Letters being written.  A draft has the id and the key of the letter that it becomes; its files stand in `part` and `object` under that
-- id already, so that they are the letter's without being sealed again.
CREATE TABLE draft (
	entity BLOB NOT NULL,
	draft BLOB NOT NULL,			-- the letter's id to be
	account BLOB NOT NULL,			-- who writes it; nobody else sees it
	created BIGINT NOT NULL,
	changed BIGINT NOT NULL,
	expires BIGINT NOT NULL,		-- deleted after this, when nobody has touched it
	noted BIGINT NOT NULL,			-- when the journal last took a change down; 0: never
	version BIGINT NOT NULL,		-- 1, 2, …: grows with every change
	kid TEXT NOT NULL,			-- KEK of (entity, month of expires)
	letter_key BLOB NOT NULL,		-- wrapped by the keeper
	sealed BLOB NOT NULL,			-- to, cc, bcc, subject, expiry as typed: under the entity's metadata key
	content BLOB NOT NULL,			-- message, password: under the letter key
	PRIMARY KEY (entity, draft)
);
CREATE INDEX draft_account ON draft (entity, account, changed);
CREATE INDEX draft_expires ON draft (expires);

-- Newest first is the order of deposit: a draft sent today stands above a letter of yesterday, whenever it was begun.
DROP INDEX letter_account;
CREATE INDEX letter_account ON letter (entity, account, number);
CREATE INDEX letter_number ON letter (entity, number);
