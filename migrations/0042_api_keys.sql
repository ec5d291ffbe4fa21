-- Keys for the encrypted bodies of programs, each sealed with a key made from its owner's data key.
CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL CONSTRAINT api_keys_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    name         text NOT NULL,
    sealed       text NOT NULL,
    created_at   timestamptz NOT NULL,
    -- Noted once an hour.
    last_used_at timestamptz
);
CREATE INDEX api_keys_user ON api_keys (user_id, created_at DESC);

-- Bodies that came lately, by the random part of their tokens: each is good once, on whichever node.
CREATE TABLE api_bodies_seen (
    key_id  uuid NOT NULL CONSTRAINT api_bodies_seen_key_fkey REFERENCES api_keys (id) ON DELETE CASCADE,
    iv      bytea NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (key_id, iv)
);
CREATE INDEX api_bodies_seen_at ON api_bodies_seen (seen_at);
