-- Of the visits of an hour, those where nothing showed that a person was there.
ALTER TABLE visit ADD COLUMN machines BIGINT NOT NULL DEFAULT 0;
