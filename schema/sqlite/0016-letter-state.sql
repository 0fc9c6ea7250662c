-- Letters that not everybody has received, by state: counted for the home page, whatever their number.
CREATE INDEX letter_state ON letter (entity, account, state) WHERE state <> 'received';
