-- Tokens of a time-stamping authority outside over the journal's heads (office/external_time.h).
CREATE TABLE external_token (
	size BIGINT NOT NULL PRIMARY KEY,	-- of the head
	gen_time BIGINT NOT NULL,		-- as the token says, µs
	token BLOB NOT NULL,
	chain BLOB NOT NULL			-- SHA-256 of its authority's certificates
) WITHOUT ROWID;
CREATE TABLE external_chain (
	digest BLOB NOT NULL PRIMARY KEY,
	pem BLOB NOT NULL
) WITHOUT ROWID;
-- The head that is to be stamped next, and since when entries wait for it: one row, while any do.
CREATE TABLE external_wait (
	id BIGINT NOT NULL PRIMARY KEY,		-- 1
	size BIGINT NOT NULL,
	since BIGINT NOT NULL,			-- µs
	tries BIGINT NOT NULL			-- that failed
) WITHOUT ROWID;
