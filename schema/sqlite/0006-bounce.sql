-- What came back for a notice, so that the same report is entered once (office/bounce.h).
CREATE TABLE bounce (
	entity BLOB NOT NULL,
	notice BLOB NOT NULL,
	digest BLOB NOT NULL,			-- SHA-256 of the report
	failed BIGINT NOT NULL,			-- 0: delayed
	created BIGINT NOT NULL,
	PRIMARY KEY (entity, notice, digest)
) WITHOUT ROWID;
