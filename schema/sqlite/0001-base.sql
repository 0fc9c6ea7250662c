-- The first schema.  Portable: BLOB, TEXT and BIGINT only, no sequences, triggers or defaults made by the engine.
-- Times are microseconds since 1970 UTC.  Ids are UUIDv7 made by the program.  "sealed" columns are AES-256-GCM under the
-- entity's metadata key (or as said), bound to their place; every key starts with the entity but for the instance tables, keyed by a hash.

-- Facts of the instance as a whole: 'log' origin, 'created', ...
CREATE TABLE instance (
	k TEXT NOT NULL PRIMARY KEY,
	v BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE entity (
	entity BLOB NOT NULL PRIMARY KEY,
	created BIGINT NOT NULL,
	state TEXT NOT NULL,			-- active | disabled
	meta_kid TEXT NOT NULL,
	meta_key BLOB NOT NULL,			-- the entity's metadata key, wrapped by the keeper under meta_kid
	sealed BLOB NOT NULL			-- name, siren
) WITHOUT ROWID;

-- Name of an entity -> entity; HMAC under the instance key of the name in lower case.  Makes names unique.
CREATE TABLE entity_name (
	name_mac BLOB NOT NULL PRIMARY KEY,
	entity BLOB NOT NULL
) WITHOUT ROWID;

-- Which key-encrypting keys exist at the keeper.
CREATE TABLE kek (
	entity BLOB NOT NULL,
	purpose TEXT NOT NULL,			-- stage | letter | meta
	period BIGINT NOT NULL,			-- day, month or 0
	kid TEXT NOT NULL,
	created BIGINT NOT NULL,
	destroyed BIGINT,
	PRIMARY KEY (entity, purpose, period)
) WITHOUT ROWID;

CREATE TABLE account (
	entity BLOB NOT NULL,
	account BLOB NOT NULL,
	created BIGINT NOT NULL,
	state TEXT NOT NULL,			-- active | disabled
	role TEXT NOT NULL,			-- editor | reader | auditor | admin
	instance_admin BIGINT NOT NULL,		-- 0 | 1
	password TEXT,				-- Argon2id string over HMAC(keeper's pepper, password); null: none set
	totp BLOB,				-- sealed secret
	totp_step BIGINT,
	sealed BLOB NOT NULL,			-- name, e-mail
	PRIMARY KEY (entity, account)
) WITHOUT ROWID;

-- E-mail of an account -> account; HMAC under the instance key.
CREATE TABLE login (
	email_mac BLOB NOT NULL PRIMARY KEY,
	entity BLOB NOT NULL,
	account BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_token (
	token_hash BLOB NOT NULL PRIMARY KEY,	-- SHA-256
	entity BLOB NOT NULL,
	account BLOB NOT NULL,
	token BLOB NOT NULL,			-- id
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	revoked BIGINT,
	sealed BLOB NOT NULL			-- name
) WITHOUT ROWID;
CREATE INDEX api_token_account ON api_token (entity, account);

CREATE TABLE letter (
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	account BLOB NOT NULL,			-- the depositor
	number BIGINT,				-- of the deposit's entry (seq + 1); filled at the end of the group
	created BIGINT NOT NULL,
	sent BIGINT,
	expires BIGINT NOT NULL,
	state TEXT NOT NULL,			-- draft created sent partly_received received not_received refused expired failed deleted
	mode TEXT NOT NULL,			-- link
	class TEXT NOT NULL,			-- simple | registered
	password TEXT NOT NULL,			-- none | gate
	password_hash BLOB,			-- Argon2id string, sealed under the letter key
	kid TEXT NOT NULL,			-- KEK of (entity, month of expiry)
	letter_key BLOB NOT NULL,		-- wrapped by the keeper
	manifest BLOB NOT NULL,			-- SHA-256 of the canonical manifest
	recipients BIGINT NOT NULL,
	opened BIGINT NOT NULL,
	settled BIGINT NOT NULL,		-- first notices sent or failed
	failures BIGINT NOT NULL,		-- of them failed
	sealed BLOB NOT NULL,			-- subject; sender's name, e-mail, method, level; entity's name, siren
	message BLOB,				-- message of at most 16 KiB, sealed under the letter key
	message_object BLOB,			-- else this object
	message_size BIGINT NOT NULL,
	message_sha256 BLOB NOT NULL,
	PRIMARY KEY (entity, letter)
) WITHOUT ROWID;
CREATE INDEX letter_account ON letter (entity, account, letter);
CREATE INDEX letter_expires ON letter (expires);

CREATE TABLE recipient (
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,			-- order: To, Cc, Bcc
	recipient BLOB NOT NULL,		-- id
	kind TEXT NOT NULL,			-- to | cc | bcc
	state TEXT NOT NULL,			-- pending sent delivered opened failed refused not_received
	first_sent BIGINT,
	last_sent BIGINT,
	sends BIGINT NOT NULL,
	read_at BIGINT,
	tries BIGINT NOT NULL,			-- wrong passwords on the present link
	locked BIGINT,
	renewals BIGINT NOT NULL,		-- new links asked for on renewal_day
	renewal_day BIGINT NOT NULL,
	token BLOB NOT NULL,			-- the present link's token, wrapped by the keeper under the letter's kid
	sealed BLOB NOT NULL,			-- name, address
	sheet BLOB NOT NULL,			-- salt and sheet, sealed: what the deposit entry's `sheet` digest binds
	PRIMARY KEY (entity, letter, n)
) WITHOUT ROWID;

-- SHA-256 of a link token -> recipient.
CREATE TABLE link (
	token_hash BLOB NOT NULL PRIMARY KEY,
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,
	retired BIGINT				-- when a newer link replaced it
) WITHOUT ROWID;

-- Bytes: staged (letter null) or of a letter.  Small ones stand in the row, larger ones in a blob file named after the id.
CREATE TABLE object (
	entity BLOB NOT NULL,
	object BLOB NOT NULL,
	account BLOB,
	letter BLOB,
	state TEXT NOT NULL,			-- open | staged | committed
	created BIGINT NOT NULL,
	expires BIGINT,				-- of staging
	size BIGINT,
	sha256 BLOB,
	crc32 BIGINT,
	inline BLOB,				-- a chunked-encryption message
	-- progress of a resumable one
	offset_bytes BIGINT NOT NULL,		-- plain bytes that are durable and announced
	digest_state BLOB,			-- sealed SHA256_CTX and CRC-32, with the unaligned tail
	PRIMARY KEY (entity, object)
) WITHOUT ROWID;
CREATE INDEX object_expires ON object (expires);

CREATE TABLE segment (
	entity BLOB NOT NULL,
	object BLOB NOT NULL,
	n BIGINT NOT NULL,
	kid TEXT,				-- staging KEK; null when wrapped under the letter key
	wrapped BLOB NOT NULL,
	file_offset BIGINT NOT NULL,
	plain_offset BIGINT NOT NULL,
	plain_size BIGINT,			-- null while open
	PRIMARY KEY (entity, object, n)
) WITHOUT ROWID;

-- A tus upload: an object with a name and a declared length.
CREATE TABLE upload (
	entity BLOB NOT NULL,
	upload BLOB NOT NULL,			-- also the object's id
	account BLOB NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	length BIGINT NOT NULL,
	state TEXT NOT NULL,			-- open | used: by a letter; whether it is complete, the object says
	sealed BLOB NOT NULL,			-- name, type
	PRIMARY KEY (entity, upload)
) WITHOUT ROWID;

CREATE TABLE part (
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,			-- from 1
	object BLOB NOT NULL,
	size BIGINT NOT NULL,
	sha256 BLOB NOT NULL,
	crc32 BIGINT NOT NULL,
	sealed BLOB NOT NULL,			-- name, type
	PRIMARY KEY (entity, letter, n)
) WITHOUT ROWID;

-- One ordinary e-mail to one recipient; the only queue.
CREATE TABLE notice (
	entity BLOB NOT NULL,
	notice BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,			-- recipient
	kind TEXT NOT NULL,			-- first | resend | renew
	send BIGINT NOT NULL,			-- 1, 2, …
	created BIGINT NOT NULL,
	due BIGINT,				-- null when settled
	lease BIGINT,				-- until when a courier has it
	tries BIGINT NOT NULL,
	gate BIGINT,				-- number of the entry that must be under a head before it may leave
	PRIMARY KEY (entity, notice)
) WITHOUT ROWID;
CREATE INDEX notice_due ON notice (due);
CREATE INDEX notice_letter ON notice (entity, letter);

-- The journal: one row an entry, gapless from 0.  entry is the canonical JSON (null once erased); the other columns repeat it.
CREATE TABLE journal (
	seq BIGINT NOT NULL PRIMARY KEY,
	t BIGINT NOT NULL,
	event TEXT NOT NULL,
	type TEXT NOT NULL,
	state TEXT,
	entity BLOB,
	letter BLOB,
	recipient BLOB,
	account BLOB,
	leaf BLOB NOT NULL,			-- SHA-256(0x00 ‖ entry)
	entry BLOB,
	shown BLOB				-- {salt, sheet} sealed: Entité, SIREN, Utilisateur, Document of the document chain
);
CREATE INDEX journal_letter ON journal (letter, seq);

-- Signed heads as given by the keeper.
CREATE TABLE head (
	size BIGINT NOT NULL PRIMARY KEY,
	root BLOB NOT NULL,
	checkpoint BLOB NOT NULL,
	token BLOB NOT NULL,
	gen_time BIGINT NOT NULL
);

CREATE TABLE idempotency (
	account BLOB NOT NULL,
	route TEXT NOT NULL,
	key_mac BLOB NOT NULL,
	entity BLOB NOT NULL,
	created BIGINT NOT NULL,
	fingerprint BLOB NOT NULL,
	letter BLOB,
	body BLOB,				-- the 201, sealed under the entity's metadata key
	PRIMARY KEY (account, route, key_mac)
) WITHOUT ROWID;
CREATE INDEX idempotency_created ON idempotency (created);

-- A recipient's reading after POST /open; the cookie's hash.
CREATE TABLE reading_session (
	session_hash BLOB NOT NULL PRIMARY KEY,
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	method TEXT NOT NULL			-- link | link+password
) WITHOUT ROWID;

-- Which byte ranges of which file went out in a reading session.
CREATE TABLE reading_file (
	session_hash BLOB NOT NULL,
	part BIGINT NOT NULL,
	ranges BLOB NOT NULL,			-- merged pairs of u64, big-endian
	complete BIGINT NOT NULL,
	PRIMARY KEY (session_hash, part)
) WITHOUT ROWID;

-- Landing-page visits of one link in one hour; becomes an entry when the hour closes.
CREATE TABLE visit (
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,
	hour BIGINT NOT NULL,
	visits BIGINT NOT NULL,
	PRIMARY KEY (entity, letter, n, hour)
) WITHOUT ROWID;
CREATE INDEX visit_hour ON visit (hour);

-- The proof bundle in a recipient's ZIP: as of his first opening, made once, so that the archive always has the same bytes.
CREATE TABLE receipt (
	entity BLOB NOT NULL,
	letter BLOB NOT NULL,
	n BIGINT NOT NULL,
	body BLOB NOT NULL,			-- sealed under the letter key
	PRIMARY KEY (entity, letter, n)
);
