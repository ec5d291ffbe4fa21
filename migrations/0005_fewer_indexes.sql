-- Nobody asks for a message by its id alone; what an index on it cost was paid for every message.
ALTER TABLE messages DROP CONSTRAINT messages_id_unique;
