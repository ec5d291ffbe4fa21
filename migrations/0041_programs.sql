-- Log-ins of programs: rows of user_sessions like those of browsers, so that whatever ends a log-in ends theirs, too.
-- A program's has no record of the session library; it goes on by refresh tokens, each good for one use.
ALTER TABLE user_sessions
    ADD kind text NOT NULL DEFAULT 'browser' CONSTRAINT user_sessions_kind_known CHECK (kind IN ('browser', 'program')),
    -- When a refresh token that had been used came again, which ended the log-in.
    ADD replayed_at timestamptz;
CREATE INDEX user_sessions_replayed ON user_sessions (user_id, replayed_at) WHERE replayed_at IS NOT NULL;

CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY,
    session_id uuid NOT NULL CONSTRAINT refresh_tokens_session_fkey REFERENCES user_sessions (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);
