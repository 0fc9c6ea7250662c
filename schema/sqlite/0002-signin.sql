-- Signing in: sessions of the browser, second factors, known devices, guesses, and links by which a password is set.

-- The language of the person's own pages and mails; null: the browser's, the instance's.
ALTER TABLE account ADD COLUMN lang TEXT;
-- account.totp, there from the first day: the second factor's secret, wrapped by the keeper under this key.
ALTER TABLE account ADD COLUMN totp_kid TEXT;
ALTER TABLE account ADD COLUMN totp_since BIGINT;
-- Reset links asked for on reset_day.
ALTER TABLE account ADD COLUMN resets BIGINT;
ALTER TABLE account ADD COLUMN reset_day BIGINT;

CREATE TABLE session (
	session_hash BLOB NOT NULL PRIMARY KEY,	-- SHA-256 of the cookie's value, which changes at each raise
	session BLOB NOT NULL,			-- id
	entity BLOB NOT NULL,
	account BLOB NOT NULL,
	created BIGINT NOT NULL,
	seen BIGINT NOT NULL,
	idle BIGINT NOT NULL,			-- microseconds without a request after which it is over
	ends BIGINT NOT NULL,
	proved BIGINT NOT NULL,			-- when a factor was last shown
	strong BIGINT NOT NULL,			-- 0 | 1: by password and second factor
	sealed BLOB NOT NULL			-- address, browser
) WITHOUT ROWID;
CREATE INDEX session_account ON session (entity, account);
CREATE INDEX session_ends ON session (ends);

-- Password given, code still owed; the value lies in a cookie of its own.
CREATE TABLE signin_half (
	half_hash BLOB NOT NULL PRIMARY KEY,
	entity BLOB NOT NULL,
	account BLOB NOT NULL,
	created BIGINT NOT NULL,
	tries BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX signin_half_created ON signin_half (created);

-- A browser in which this account has signed in before.
CREATE TABLE device (
	device_hash BLOB NOT NULL PRIMARY KEY,
	entity BLOB NOT NULL,
	account BLOB NOT NULL,
	created BIGINT NOT NULL,
	seen BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX device_account ON device (entity, account);

-- Guesses that were evaluated and not found right, by what they have in common: HMAC of (name and address), address, name, or device.
CREATE TABLE guess (
	guess_mac BLOB NOT NULL PRIMARY KEY,
	tries BIGINT NOT NULL,
	last BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX guess_last ON guess (last);

-- Failures of one account in one hour; becomes an entry when the hour closes.
CREATE TABLE signin_failure (
	entity BLOB NOT NULL,
	account BLOB NOT NULL,
	hour BIGINT NOT NULL,
	failures BIGINT NOT NULL,
	PRIMARY KEY (entity, account, hour)
) WITHOUT ROWID;
CREATE INDEX signin_failure_hour ON signin_failure (hour);

-- Ten at a time; each opens once.
CREATE TABLE recovery_code (
	entity BLOB NOT NULL,
	account BLOB NOT NULL,
	code_mac BLOB NOT NULL,
	used BIGINT,
	PRIMARY KEY (entity, account, code_mac)
) WITHOUT ROWID;

-- A link by which a password is set: the first one, or after it was forgotten.
CREATE TABLE signin_link (
	link_hash BLOB NOT NULL PRIMARY KEY,
	entity BLOB NOT NULL,
	account BLOB NOT NULL,
	kind TEXT NOT NULL,			-- setup | reset
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	used BIGINT
) WITHOUT ROWID;
CREATE INDEX signin_link_account ON signin_link (entity, account);
CREATE INDEX signin_link_expires ON signin_link (expires);

-- Mails to account holders; gone when handed over.
CREATE TABLE account_mail (
	entity BLOB NOT NULL,
	mail BLOB NOT NULL,
	account BLOB NOT NULL,
	kind TEXT NOT NULL,			-- setup | reset | changed
	created BIGINT NOT NULL,
	due BIGINT NOT NULL,
	lease BIGINT,
	tries BIGINT NOT NULL,
	sealed BLOB NOT NULL,			-- name, address, language, what it says
	PRIMARY KEY (entity, mail)
) WITHOUT ROWID;
CREATE INDEX account_mail_due ON account_mail (due);
