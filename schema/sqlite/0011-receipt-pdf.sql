-- Proofs for people, as sealed PDFs: made when first asked for, then always the same bytes.
CREATE TABLE receipt_pdf (
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,			-- recipient; 0: the sender's
	kind TEXT NOT NULL,
	lang TEXT NOT NULL,
	body BLOB NOT NULL,			-- sealed under the entity's metadata key
	PRIMARY KEY (entity, letter, n, kind, lang)
);
