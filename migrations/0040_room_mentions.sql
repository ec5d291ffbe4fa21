-- Which messages call everybody in their room: one row, however many people that are.
CREATE TABLE room_mentions (
    room_id uuid NOT NULL,
    seq     bigint NOT NULL,
    PRIMARY KEY (room_id, seq),
    CONSTRAINT room_mentions_message_fkey FOREIGN KEY (room_id, seq) REFERENCES messages (room_id, seq) ON DELETE CASCADE
);

-- As in 0038, with those that call the whole room: a message counts once, and never for its author.
CREATE OR REPLACE FUNCTION count_mentions(room uuid, reader uuid, after_seq bigint) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT count(*) FROM (
        -- Without looking further than to the limit, unless they are of people who are blocked.
        SELECT FROM (
            (SELECT n.seq FROM room_mentions n WHERE n.room_id = room AND n.seq > after_seq
             ORDER BY n.seq DESC LIMIT 1000)
            UNION ALL
            (SELECT n.seq FROM mentions n WHERE n.user_id = reader AND n.room_id = room AND n.seq > after_seq
             AND (SELECT true FROM room_mentions c WHERE c.room_id = room AND c.seq = n.seq) IS NULL
             ORDER BY n.seq DESC LIMIT 1000)
        ) n
        CROSS JOIN LATERAL (SELECT author_id FROM messages WHERE room_id = room AND seq = n.seq OFFSET 0) m
        WHERE m.author_id <> reader
        AND NOT EXISTS (SELECT FROM blocks b WHERE b.blocker_id = reader AND b.blocked_id = m.author_id) LIMIT 100
    ) s
$$;

-- As in 0039, with the room that they called.
CREATE OR REPLACE FUNCTION delete_messages(room uuid, seqs bigint[], now timestamptz) RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    last bigint;
BEGIN
    UPDATE messages m SET body = NULL, edited_at = NULL, deleted_at = now, has_reactions = false, has_files = false,
                          change = r.last_change + array_position(seqs, m.seq)
    FROM rooms r WHERE r.id = room AND m.room_id = room AND m.seq = ANY (seqs) AND m.deleted_at IS NULL;
    DELETE FROM attachments n WHERE n.room_id = room AND n.seq = ANY (seqs);
    DELETE FROM mentions n WHERE n.room_id = room AND n.seq = ANY (seqs);
    DELETE FROM room_mentions n WHERE n.room_id = room AND n.seq = ANY (seqs);
    DELETE FROM reactions n WHERE n.room_id = room AND n.seq = ANY (seqs);
    UPDATE rooms SET last_change = last_change + cardinality(seqs) WHERE id = room RETURNING last_change INTO last;
    RETURN last;
END
$$;
