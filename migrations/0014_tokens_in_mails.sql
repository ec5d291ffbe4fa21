-- One-time tokens of links in mails: whose they are, until when they are good, and the address that one verifies.
ALTER TABLE login_tokens
    DROP CONSTRAINT login_tokens_kind_known,
    ADD CONSTRAINT login_tokens_kind_known CHECK (kind IN ('setup', 'reset', 'verify')),
    ADD user_id uuid CONSTRAINT login_tokens_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    ADD email text CONSTRAINT login_tokens_email_length CHECK (char_length(email) <= 254),
    ADD expires_at timestamptz,
    ADD CONSTRAINT login_tokens_complete
        CHECK (kind = 'setup' OR user_id IS NOT NULL AND expires_at IS NOT NULL AND (kind = 'reset' OR email IS NOT NULL));
CREATE INDEX login_tokens_user ON login_tokens (user_id, kind);
CREATE INDEX login_tokens_expires ON login_tokens (expires_at);
