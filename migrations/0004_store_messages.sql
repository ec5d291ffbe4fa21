-- The room stands last, so that only this index can serve the search for what is stored already: those that begin with
-- the room look just as good while the table is small, and one plan made then would search a growing room for ever.
ALTER TABLE messages
    DROP CONSTRAINT messages_client_id_unique,
    ADD CONSTRAINT messages_client_id_unique UNIQUE (author_id, client_id, room_id);

-- Stores a batch of messages in one round trip and one transaction. It gives one row for each message, in the order
-- given: its number and change, or neither when it was not stored. `again`: it stood there already. `locked`: somebody
-- else holds its room, and `wait` was false. No two messages may have the same author, room and client id.
--
-- The rooms are locked first, in the order of their ids, as every transaction does. A volatile function takes a new
-- snapshot for each statement, so that what is read after the lock is what holds while the room is locked: who belongs,
-- whose key stands, what is stored already.
--
-- Two nodes wait for each other for milliseconds; what holds a room for longer must not hold up the other rooms. The
-- other settings leave nothing but searches in indexes, as the connections of the program do for the rest: a plan lives
-- as long as its connection, and one made while `messages` was small would read the whole table for every batch.
CREATE FUNCTION store_messages(
    room_ids uuid[], ids uuid[], author_ids uuid[], key_ids uuid[], client_ids uuid[], bodies text[],
    times timestamptz[], wait boolean
) RETURNS TABLE (seq bigint, change bigint, again boolean, locked boolean)
LANGUAGE plpgsql
SET lock_timeout = '250ms'
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    free uuid[];
BEGIN
    IF wait THEN
        PERFORM FROM rooms r WHERE r.id = ANY (room_ids) ORDER BY r.id FOR NO KEY UPDATE;
    ELSE
        free := ARRAY(SELECT r.id FROM rooms r WHERE r.id = ANY (room_ids) ORDER BY r.id
                      FOR NO KEY UPDATE SKIP LOCKED);
    END IF;

    -- Nothing waits from here on, so that one snapshot will do. OFFSET 0 keeps each search one search in an index, and
    -- what EXISTS asks might be answered by reading the whole table once.
    RETURN QUERY
    WITH judged AS MATERIALIZED (
        -- `step` numbers the fresh messages of each room.
        SELECT j.*, row_number() OVER (PARTITION BY j.room_id, j.fresh ORDER BY j.place) AS step
        FROM (
            SELECT b.*, r.last_seq, r.last_change, r.locked, s.seq AS stored_seq, s.change AS stored_change,
                   r.open AND NOT r.locked AND s.seq IS NULL
                   AND (SELECT true FROM members m WHERE m.room_id = b.room_id AND m.user_id = b.author_id) IS NOT NULL
                   AND (SELECT true FROM data_keys k WHERE k.id = b.key_id) IS NOT NULL AS fresh
            FROM UNNEST(room_ids, ids, author_ids, key_ids, client_ids, bodies, times) WITH ORDINALITY
                 AS b (room_id, id, author_id, key_id, client_id, body, created_at, place)
            LEFT JOIN LATERAL (
                SELECT o.last_seq, o.last_change, o.archived_at IS NULL AS open,
                       NOT wait AND o.id <> ALL (free) AS locked
                FROM rooms o WHERE o.id = b.room_id OFFSET 0
            ) r ON true
            LEFT JOIN LATERAL (
                SELECT m.room_id, m.seq, m.change FROM messages m
                WHERE m.author_id = b.author_id AND m.client_id = b.client_id OFFSET 0
            ) s ON s.room_id = b.room_id
        ) j
    ), counted AS (
        UPDATE rooms r SET last_seq = r.last_seq + n.steps, last_change = r.last_change + n.steps
        FROM (SELECT j.room_id, max(j.step) AS steps FROM judged j WHERE j.fresh GROUP BY j.room_id) n
        WHERE r.id = n.room_id
    ), stored AS (
        INSERT INTO messages (room_id, seq, id, author_id, client_id, body, change, created_at)
        SELECT j.room_id, j.last_seq + j.step, j.id, j.author_id, j.client_id, j.body, j.last_change + j.step,
               j.created_at
        FROM judged j WHERE j.fresh
    )
    SELECT CASE WHEN j.fresh THEN j.last_seq + j.step WHEN NOT j.locked THEN j.stored_seq END,
           CASE WHEN j.fresh THEN j.last_change + j.step WHEN NOT j.locked THEN j.stored_change END,
           j.stored_seq IS NOT NULL,
           j.locked IS TRUE
    FROM judged j ORDER BY j.place;
END
$$;
