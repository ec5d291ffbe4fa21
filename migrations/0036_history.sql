-- The number of the first message of a room that was written then or later; that of its last one where there is none, and 0
-- in an empty room. Numbers have no gaps and times follow them, so that halving finds it.
CREATE FUNCTION find_message_since(room uuid, since timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    low bigint := 1;
    high bigint := (SELECT last_seq FROM rooms WHERE id = room);
    middle bigint;
BEGIN
    WHILE low < high LOOP
        middle := (low + high) / 2;
        IF (SELECT created_at FROM messages WHERE room_id = room AND seq = middle) < since THEN
            low := middle + 1;
        ELSE
            high := middle;
        END IF;
    END LOOP;
    RETURN high;
END
$$;
