-- One row for a pair, whoever asked: two who ask each other at once meet in it.
CREATE TABLE friendships (
    lower_id     uuid NOT NULL CONSTRAINT friendships_lower_fkey REFERENCES users (id) ON DELETE CASCADE,
    higher_id    uuid NOT NULL CONSTRAINT friendships_higher_fkey REFERENCES users (id) ON DELETE CASCADE,
    requester_id uuid NOT NULL,
    asked_at     timestamptz NOT NULL,
    accepted_at  timestamptz,
    PRIMARY KEY (lower_id, higher_id),
    CONSTRAINT friendships_pair_ordered CHECK (lower_id < higher_id),
    CONSTRAINT friendships_requester_in_pair CHECK (requester_id IN (lower_id, higher_id))
);
CREATE INDEX friendships_higher ON friendships (higher_id, lower_id);

-- Who does not want to hear from whom. The blocked are not told.
CREATE TABLE blocks (
    blocker_id uuid NOT NULL CONSTRAINT blocks_blocker_fkey REFERENCES users (id) ON DELETE CASCADE,
    blocked_id uuid NOT NULL CONSTRAINT blocks_blocked_fkey REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id),
    CONSTRAINT blocks_others_only CHECK (blocker_id <> blocked_id)
);
CREATE INDEX blocks_blocked ON blocks (blocked_id, blocker_id);
