-- Search and statistics.

-- What a letter can be found by: 8-byte terms, sorted, each an HMAC under the entity's search key of a word, a word's first three letters
-- or a whole address; no word itself.  One row a letter, in the order of deposits, so that a deposit appends.
CREATE TABLE search (
	entity BLOB NOT NULL,
	number BIGINT NOT NULL,			-- the letter's
	letter BLOB NOT NULL,
	account BLOB NOT NULL,			-- the depositor
	terms BLOB NOT NULL,			-- subject, sender, To and Cc, names of files
	hidden BLOB,				-- hidden copies: for those who may know of them; null: none
	PRIMARY KEY (entity, number)
) WITHOUT ROWID;

-- How many entries of the journal: one row for each entity, account, day of the instance's zone and event.
CREATE TABLE counter (
	entity BLOB NOT NULL,
	day BIGINT NOT NULL,			-- days since 1970 of the local date
	account BLOB NOT NULL,			-- depositor of the letter concerned; 16 zero bytes: none
	event TEXT NOT NULL,
	hidden BIGINT NOT NULL,			-- 1: of a hidden copy's chain
	n BIGINT NOT NULL,
	bytes BIGINT NOT NULL,			-- message and files of deposits
	PRIMARY KEY (entity, day, account, event, hidden)
) WITHOUT ROWID;

-- First readings, under the day on which the recipient's first notice went out.
CREATE TABLE reading (
	entity BLOB NOT NULL,
	day BIGINT NOT NULL,
	seconds BIGINT NOT NULL,		-- from the notice to the reading
	recipient BLOB NOT NULL,
	account BLOB NOT NULL,
	hidden BIGINT NOT NULL,
	PRIMARY KEY (entity, day, seconds, recipient)
) WITHOUT ROWID;
