-- Mail through a relay.
-- How often the relay broke off after it had the whole mail: it may have arrived each time.
ALTER TABLE notice ADD COLUMN doubts BIGINT NOT NULL DEFAULT 0;
-- The relay's last words on the newest notice, without addresses; which relay; under which TLS.
ALTER TABLE recipient ADD COLUMN reply TEXT;
ALTER TABLE recipient ADD COLUMN peer TEXT;
ALTER TABLE recipient ADD COLUMN tls TEXT;
