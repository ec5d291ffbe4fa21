-- What of a room somebody is told of. A new membership begins with a version that is higher than any of one before it, so
-- that pages which know that one learn of this.
ALTER TABLE members
    ADD notify text NOT NULL DEFAULT 'all' CONSTRAINT members_notify_known CHECK (notify IN ('all', 'mentions', 'nothing')),
    ALTER COLUMN read_version SET DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- Which messages name whom.
CREATE TABLE mentions (
    user_id uuid NOT NULL CONSTRAINT mentions_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    room_id uuid NOT NULL,
    seq     bigint NOT NULL,
    PRIMARY KEY (user_id, room_id, seq),
    CONSTRAINT mentions_message_fkey FOREIGN KEY (room_id, seq) REFERENCES messages (room_id, seq) ON DELETE CASCADE
);
CREATE INDEX mentions_message ON mentions (room_id, seq);

-- How many messages after that one name somebody, counted to 100 at most.
CREATE FUNCTION count_mentions(room uuid, reader uuid, after_seq bigint) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT count(*) FROM (
        SELECT FROM mentions WHERE user_id = reader AND room_id = room AND seq > after_seq LIMIT 100
    ) s
$$;
