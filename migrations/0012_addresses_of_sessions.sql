-- Where a log-in came from, for its owner to recognise it; those from before have none. People list their own by time.
ALTER TABLE user_sessions ADD address text CONSTRAINT user_sessions_address_length CHECK (char_length(address) <= 45);
DROP INDEX user_sessions_user;
CREATE INDEX user_sessions_user ON user_sessions (user_id, created_at, id);
