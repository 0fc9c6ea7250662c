-- Which letters lie under a key: before it is destroyed, and when they move to another.
CREATE INDEX letter_kid ON letter (entity, kid);
