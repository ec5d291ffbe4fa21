-- Whoever is banned cannot log in, and learns the reason when they try.
ALTER TABLE users
    ADD banned_at  timestamptz,
    ADD ban_reason text CONSTRAINT users_ban_reason_length CHECK (char_length(ban_reason) BETWEEN 1 AND 200),
    ADD CONSTRAINT users_ban_has_reason CHECK ((banned_at IS NULL) = (ban_reason IS NULL));

-- What administrators did. Ids instead of names, so that a deleted account leaves none behind; no foreign keys, so that
-- what was done stays although its subject is gone.
CREATE TABLE audit_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor_id   uuid NOT NULL,
    action     text NOT NULL,
    subject_id uuid,
    detail     text NOT NULL DEFAULT '' CONSTRAINT audit_log_detail_length CHECK (char_length(detail) <= 400)
);

-- Nothing in it is ever changed or taken out, whoever asks.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_is_not_emptied BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Where log-ins came from is forgotten, the oldest first.
CREATE INDEX user_sessions_address ON user_sessions (created_at) WHERE address IS NOT NULL;
