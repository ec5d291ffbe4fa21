-- As in 0032, without messages of people whom the reader blocks: of those nobody is told.
CREATE OR REPLACE FUNCTION count_mentions(room uuid, reader uuid, after_seq bigint) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT count(*) FROM (
        SELECT FROM (
            SELECT n.seq FROM mentions n WHERE n.user_id = reader AND n.room_id = room AND n.seq > after_seq
            ORDER BY n.seq DESC LIMIT 1000
        ) n
        CROSS JOIN LATERAL (SELECT author_id FROM messages WHERE room_id = room AND seq = n.seq OFFSET 0) m
        WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.blocker_id = reader AND b.blocked_id = m.author_id) LIMIT 100
    ) s
$$;
