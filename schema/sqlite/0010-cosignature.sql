-- What witnesses have signed of our journal's heads (office/cosignature.h).
CREATE TABLE cosignature (
	size BIGINT NOT NULL,			-- of the head
	witness TEXT NOT NULL,			-- its verifier key: NAME+ID+KEY
	line BLOB NOT NULL,			-- the note's signature line, with its newline
	signed BIGINT NOT NULL,			-- when, as the witness says
	PRIMARY KEY (size, witness)
) WITHOUT ROWID;
