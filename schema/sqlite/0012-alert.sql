-- What is or was wrong with the evidence (office/alert.h).  Of the instance; names no person.
CREATE TABLE alert (
	alert BLOB NOT NULL PRIMARY KEY,	-- id
	kind TEXT NOT NULL,			-- proof | tsa | witness | unsigned | clock
	subject TEXT NOT NULL,			-- which of them: a witness's name; '' when there is only one
	detail TEXT NOT NULL,			-- for the operator, English
	since BIGINT NOT NULL,
	seen BIGINT NOT NULL,			-- last time that it was so
	ended BIGINT,
	told BIGINT,				-- how many mails were made at its start, and at its end
	told_end BIGINT,
	entry BIGINT,				-- number of the journal's entry about its start, and about its end; 0: written by who noticed it
	entry_end BIGINT
) WITHOUT ROWID;
CREATE INDEX alert_since ON alert (since);

-- Whether an account gets a mail about them: 1, 0; NULL: administrators of the instance do.
ALTER TABLE account ADD COLUMN alerts BIGINT;
