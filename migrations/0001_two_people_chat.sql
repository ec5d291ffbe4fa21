-- The first schema: accounts, keys, rooms, members and messages.
-- What identifies a row for people is compared by a key that the program folds (NFKC and case folding),
-- because lower() and citext fold ASCII only under --locale=C. Keys sort bytewise wherever the database runs.

CREATE TABLE data_keys (
    id         uuid PRIMARY KEY,
    wrapped    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE server_secrets (
    name   text PRIMARY KEY,
    sealed text NOT NULL
);

CREATE TABLE users (
    id                uuid PRIMARY KEY,
    username          text NOT NULL CONSTRAINT users_username_length CHECK (char_length(username) BETWEEN 3 AND 32),
    name_key          text COLLATE "C" NOT NULL CONSTRAINT users_name_key_unique UNIQUE,
    email             text CONSTRAINT users_email_length CHECK (char_length(email) <= 254),
    email_key         text COLLATE "C",
    email_verified_at timestamptz,
    first_name        text NOT NULL CONSTRAINT users_first_name_length CHECK (char_length(first_name) <= 64),
    last_name         text NOT NULL CONSTRAINT users_last_name_length CHECK (char_length(last_name) <= 64),
    first_key         text COLLATE "C" NOT NULL,
    last_key          text COLLATE "C" NOT NULL,
    password_hash     text NOT NULL,
    role              text NOT NULL CONSTRAINT users_role_known CHECK (role IN ('member', 'admin')),
    data_key_id       uuid NOT NULL CONSTRAINT users_data_key_fkey REFERENCES data_keys (id),
    theme             text NOT NULL DEFAULT 'system' CONSTRAINT users_theme_known CHECK (theme IN ('system', 'night', 'dawn')),
    consent_version   text NOT NULL,
    consented_at      timestamptz NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_verified_email_unique ON users (email_key) WHERE email_verified_at IS NOT NULL;
CREATE INDEX users_email_key ON users (email_key, created_at);
CREATE INDEX users_first_key ON users (first_key);
CREATE INDEX users_last_key ON users (last_key);
CREATE INDEX users_admins ON users (id) WHERE role = 'admin';

-- The authority on who is logged in. The cookie holds a random token; only its hash is stored.
CREATE TABLE user_sessions (
    id           uuid PRIMARY KEY,
    token_hash   bytea NOT NULL CONSTRAINT user_sessions_token_unique UNIQUE,
    user_id      uuid NOT NULL CONSTRAINT user_sessions_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    remember     boolean NOT NULL,
    device       text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX user_sessions_user ON user_sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX user_sessions_expires ON user_sessions (expires_at);

-- One-time codes and tokens, stored hashed.
CREATE TABLE login_tokens (
    hash       bytea PRIMARY KEY,
    kind       text NOT NULL CONSTRAINT login_tokens_kind_known CHECK (kind IN ('setup')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rooms (
    id             uuid PRIMARY KEY,
    slug           text NOT NULL,
    slug_key       text COLLATE "C" NOT NULL CONSTRAINT rooms_slug_key_unique UNIQUE,
    title          text NOT NULL CONSTRAINT rooms_title_length CHECK (char_length(title) BETWEEN 1 AND 64),
    topic          text NOT NULL CONSTRAINT rooms_topic_length CHECK (char_length(topic) <= 200),
    kind           text NOT NULL CONSTRAINT rooms_kind_known CHECK (kind IN ('public')),
    data_key_id    uuid NOT NULL CONSTRAINT rooms_data_key_fkey REFERENCES data_keys (id),
    last_seq       bigint NOT NULL DEFAULT 0,
    last_change    bigint NOT NULL DEFAULT 0,
    members_change bigint NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    archived_at    timestamptz,
    CONSTRAINT rooms_counters CHECK (last_seq >= 0 AND last_change >= last_seq AND members_change <= last_change)
);

CREATE TABLE members (
    room_id   uuid NOT NULL CONSTRAINT members_room_fkey REFERENCES rooms (id) ON DELETE CASCADE,
    user_id   uuid NOT NULL CONSTRAINT members_user_fkey REFERENCES users (id),
    role      text NOT NULL CONSTRAINT members_role_known CHECK (role IN ('member')),
    from_seq  bigint NOT NULL DEFAULT 0,
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX members_user ON members (user_id, room_id);

-- Joins, leaves, renames, archiving: drawn after message after_seq, never counted as unread.
CREATE TABLE room_events (
    room_id   uuid NOT NULL CONSTRAINT room_events_room_fkey REFERENCES rooms (id) ON DELETE CASCADE,
    change    bigint NOT NULL,
    after_seq bigint NOT NULL,
    kind      text NOT NULL CONSTRAINT room_events_kind_known
              CHECK (kind IN ('joined', 'left', 'edited', 'archived', 'restored')),
    actor_id  uuid NOT NULL CONSTRAINT room_events_actor_fkey REFERENCES users (id),
    at        timestamptz NOT NULL,
    PRIMARY KEY (room_id, change)
);
CREATE INDEX room_events_after_seq ON room_events (room_id, after_seq);

CREATE TABLE messages (
    room_id    uuid NOT NULL CONSTRAINT messages_room_fkey REFERENCES rooms (id) ON DELETE CASCADE,
    seq        bigint NOT NULL CONSTRAINT messages_seq_positive CHECK (seq > 0),
    id         uuid NOT NULL CONSTRAINT messages_id_unique UNIQUE,
    author_id  uuid NOT NULL CONSTRAINT messages_author_fkey REFERENCES users (id),
    client_id  uuid NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    body       text CONSTRAINT messages_body_length CHECK (octet_length(body) <= 24000),
    change     bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq),
    CONSTRAINT messages_client_id_unique UNIQUE (author_id, room_id, client_id)
);
CREATE INDEX messages_change ON messages (room_id, change);
