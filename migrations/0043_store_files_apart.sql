-- As in 0039, but what is done for files is a statement of its own, which runs only where a message has some: most have
-- none, and were stored 5% slower for it.
CREATE OR REPLACE FUNCTION store_messages(
    room_ids uuid[], ids uuid[], author_ids uuid[], key_ids uuid[], client_ids uuid[], bodies text[],
    replies bigint[], files text[], times timestamptz[], wait boolean
) RETURNS TABLE (
    seq bigint, change bigint, duplicate boolean, locked boolean, unknown_reply boolean, unknown_file boolean, username text, name text, picture uuid
)
LANGUAGE plpgsql
SET lock_timeout = '250ms'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
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
                   a.username, a.name, a.picture,
                   b.reply_to > r.last_seq OR b.reply_to <= m.from_seq AS unknown_reply,
                   f.found,
                   r.open AND NOT r.locked AND s.seq IS NULL AND m.from_seq IS NOT NULL
                   AND (b.reply_to IS NULL OR b.reply_to <= r.last_seq AND b.reply_to > m.from_seq)
                   AND f.found
                   AND (SELECT true FROM data_keys k WHERE k.id = b.key_id) IS NOT NULL
                   AND CASE WHEN r.kind = 'direct' THEN are_friends(b.room_id) ELSE true END AS fresh
            FROM UNNEST(room_ids, ids, author_ids, key_ids, client_ids, bodies, replies, files, times) WITH ORDINALITY
                 AS b (room_id, id, author_id, key_id, client_id, body, reply_to, files, created_at, place)
            LEFT JOIN LATERAL (
                SELECT o.last_seq, o.last_change, o.kind, o.archived_at IS NULL AS open,
                       NOT wait AND o.id <> ALL (free) AS locked
                FROM rooms o WHERE o.id = b.room_id OFFSET 0
            ) r ON true
            LEFT JOIN LATERAL (
                SELECT n.from_seq FROM members n WHERE n.room_id = b.room_id AND n.user_id = b.author_id OFFSET 0
            ) m ON true
            LEFT JOIN LATERAL (
                SELECT m.room_id, m.seq, m.change FROM messages m
                WHERE m.author_id = b.author_id AND m.client_id = b.client_id OFFSET 0
            ) s ON s.room_id = b.room_id
            -- Files come and go under the lock of their room as well.
            CROSS JOIN LATERAL (
                SELECT CASE WHEN b.files IS NULL THEN true ELSE (
                    SELECT count(*) FROM attachments g
                    WHERE g.id = ANY (b.files::uuid[]) AND g.room_id = b.room_id AND g.author_id = b.author_id
                    AND g.seq IS NULL AND g.details IS NOT NULL
                ) = cardinality(b.files::uuid[]) END AS found OFFSET 0
            ) f
            LEFT JOIN LATERAL (
                SELECT p.username, p.name, p.picture FROM authors p WHERE p.id = b.author_id OFFSET 0
            ) a ON true
        ) j
    ), counted AS (
        UPDATE rooms r SET last_seq = r.last_seq + n.steps, last_change = r.last_change + n.steps, last_day = n.day,
               last_day_begins = CASE WHEN r.last_day = n.day THEN r.last_day_begins ELSE r.last_seq END
        FROM (
            SELECT j.room_id, max(j.step) AS steps, (max(j.created_at) AT TIME ZONE 'UTC')::date AS day
            FROM judged j WHERE j.fresh GROUP BY j.room_id
        ) n
        WHERE r.id = n.room_id
    ), stored AS (
        INSERT INTO messages (room_id, seq, id, author_id, client_id, body, reply_to, has_files, change, created_at)
        SELECT j.room_id, j.last_seq + j.step, j.id, j.author_id, j.client_id, j.body, j.reply_to,
               j.files IS NOT NULL, j.last_change + j.step, j.created_at
        FROM judged j WHERE j.fresh
    )
    SELECT CASE WHEN j.fresh THEN j.last_seq + j.step WHEN NOT j.locked THEN j.stored_seq END,
           CASE WHEN j.fresh THEN j.last_change + j.step WHEN NOT j.locked THEN j.stored_change END,
           j.stored_seq IS NOT NULL,
           j.locked IS TRUE,
           j.unknown_reply IS TRUE,
           NOT j.found,
           j.username,
           j.name,
           j.picture
    FROM judged j ORDER BY j.place;

    -- Those of the messages that were stored just now: one that stood before has another id.
    IF array_remove(files, NULL) <> '{}' THEN
        UPDATE attachments g SET seq = n.seq, place = n.place
        FROM (
            SELECT u.id, m.seq, u.place
            FROM UNNEST(room_ids, ids, author_ids, client_ids, files) AS b (room_id, id, author_id, client_id, files)
            CROSS JOIN LATERAL (
                SELECT o.seq FROM messages o
                WHERE o.author_id = b.author_id AND o.client_id = b.client_id AND o.room_id = b.room_id AND o.id = b.id
                OFFSET 0
            ) m
            CROSS JOIN LATERAL unnest(b.files::uuid[]) WITH ORDINALITY AS u (id, place)
        ) n
        WHERE g.id = n.id;
    END IF;
END
$$;
