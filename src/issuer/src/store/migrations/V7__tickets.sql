-- The keys by which the event's shop signs tickets: public keys in lower hex, joined by commas.
ALTER TABLE event ADD COLUMN ticket_keys TEXT NOT NULL DEFAULT '';
