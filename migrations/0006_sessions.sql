-- Log-ins are opened by the tower-sessions library. Its table, exactly as the library names it, holds under a keyed hash
-- of the cookie's value which row of user_sessions a cookie stands for; that row stays the authority on who is logged in.
CREATE SCHEMA tower_sessions;
CREATE TABLE tower_sessions.session (
    id          text PRIMARY KEY NOT NULL,
    data        bytea NOT NULL,
    expiry_date timestamptz NOT NULL
);
CREATE INDEX session_expiry_date ON tower_sessions.session (expiry_date);

-- Which row of that table; so that it goes when the log-in ends. Log-ins from before have none, and end: people log in
-- once more.
UPDATE user_sessions SET ended_at = now() WHERE ended_at IS NULL;
ALTER TABLE user_sessions
    DROP COLUMN token_hash,
    ADD store_id text CONSTRAINT user_sessions_store_id_unique UNIQUE;
