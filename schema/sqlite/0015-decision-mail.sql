-- Whether an account is mailed what becomes of its registered letters: none | closed (refused, not collected) | all; null: closed.
ALTER TABLE account ADD COLUMN decisions TEXT;
-- The letter that a mail is about: one that waits is told once, for however many recipients.
ALTER TABLE account_mail ADD COLUMN about BLOB;
