-- How far somebody has read a room. `receipt_seq` only grows; `read_seq` is what "mark as unread" moves back, with a new
-- `read_version`, so that what another tab says late does not undo it. Neither is in an index, and there is room on each
-- page for what changes often.
ALTER TABLE members
    ADD read_seq     bigint NOT NULL DEFAULT 0,
    ADD receipt_seq  bigint NOT NULL DEFAULT 0,
    ADD read_version bigint NOT NULL DEFAULT 0,
    SET (fillfactor = 70);

-- What was written before there were counts is not new.
UPDATE members m SET read_seq = r.last_seq FROM rooms r WHERE r.id = m.room_id;

-- How many messages wait for somebody in a room after that one, counted to 100 at most: more is shown as "99+". It looks at
-- 2,000 messages at most, so that whoever wrote very many of them pays no more for it. The order leads to the primary key
-- however small the table was when this was planned.
CREATE FUNCTION count_unread(room uuid, reader uuid, after_seq bigint) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT count(*) FROM (
        SELECT FROM (
            SELECT author_id FROM messages WHERE room_id = room AND seq > after_seq ORDER BY room_id, seq LIMIT 2000
        ) s WHERE author_id <> reader LIMIT 100
    ) s
$$;

-- Whether the two people of a direct chat let each other see what they have read: friends who both do not hide it.
CREATE FUNCTION shows_receipts(room uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM direct_pairs d
        JOIN friendships f ON f.lower_id = d.lower_id AND f.higher_id = d.higher_id
        JOIN users l ON l.id = d.lower_id
        JOIN users h ON h.id = d.higher_id
        WHERE d.room_id = room AND f.accepted_at IS NOT NULL AND NOT l.receipts_hidden AND NOT h.receipts_hidden
    )
$$;
