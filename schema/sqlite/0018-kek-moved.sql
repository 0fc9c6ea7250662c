-- A retired key that letters were moved away from: number of the journal's entry that says so, and the key in its place.
ALTER TABLE kek ADD COLUMN moved BIGINT;
ALTER TABLE kek ADD COLUMN next TEXT;
