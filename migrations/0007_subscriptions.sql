-- How often the list of public rooms has changed: a room made, renamed, archived, opened again or deleted. A page that
-- comes back says which version it shows, and gets the list anew only when it is another one by now.
CREATE TABLE room_list (
    is_only boolean PRIMARY KEY DEFAULT true CONSTRAINT room_list_one_row CHECK (is_only),
    version bigint NOT NULL
);
INSERT INTO room_list (version) VALUES (0);

-- Which room changed with each version. Versions are handed out under the lock of the row above, so they are gap-free
-- and in commit order. A room that is gone stays named here, by its id alone.
CREATE TABLE room_list_changes (
    version bigint PRIMARY KEY,
    room_id uuid NOT NULL
);

-- Where a membership begins: its member may see messages with greater numbers and events with later changes only.
-- Whoever left and came back hears nothing from between, where the room's setting says so.
ALTER TABLE members
    ADD from_change bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT members_begins CHECK (from_seq >= 0 AND from_change >= from_seq);

-- How people are shown, everywhere: by the name they chose, or by their username where they gave none.
CREATE VIEW authors AS
SELECT id, username, data_key_id,
       CASE WHEN first_name = '' AND last_name = '' THEN username ELSE btrim(first_name || ' ' || last_name) END AS name
FROM users;

-- As in 0004, and it returns how each author is shown, so that nobody who delivers a message has to ask for it.
DROP FUNCTION store_messages;
CREATE FUNCTION store_messages(
    room_ids uuid[], ids uuid[], author_ids uuid[], key_ids uuid[], client_ids uuid[], bodies text[],
    times timestamptz[], wait boolean
) RETURNS TABLE (seq bigint, change bigint, duplicate boolean, locked boolean, username text, name text)
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
                   a.username, a.name,
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
            LEFT JOIN LATERAL (
                SELECT p.username, p.name FROM authors p WHERE p.id = b.author_id OFFSET 0
            ) a ON true
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
           j.locked IS TRUE,
           j.username,
           j.name
    FROM judged j ORDER BY j.place;
END
$$;

-- The kinds of rooms and the roles in them that the rules know (src/rooms/model/membership.rs).
ALTER TABLE rooms
    DROP CONSTRAINT rooms_kind_known,
    ADD CONSTRAINT rooms_kind_known CHECK (kind IN ('public', 'private', 'group', 'direct'));
ALTER TABLE members
    DROP CONSTRAINT members_role_known,
    ADD CONSTRAINT members_role_known CHECK (role IN ('owner', 'moderator', 'member'));
