-- A purpose and period may have had several keys: those that no new row may name any more are retired, and destroyed once none does.
CREATE TABLE kek_all (
	entity BLOB NOT NULL,
	purpose TEXT NOT NULL,			-- stage | letter | meta
	period BIGINT NOT NULL,			-- day, month or 0
	kid TEXT NOT NULL,
	created BIGINT NOT NULL,
	retired BIGINT,
	destroyed BIGINT,
	PRIMARY KEY (entity, purpose, period, kid)
) WITHOUT ROWID;
INSERT INTO kek_all (entity, purpose, period, kid, created, destroyed) SELECT entity, purpose, period, kid, created, destroyed FROM kek;
DROP TABLE kek;
ALTER TABLE kek_all RENAME TO kek;
