-- Files: those that are being received or wait to be sent have no message yet. Their bytes are objects of the store, named
-- by the id; `details` is sealed like a message and says what they are called. Sent, and removed before that, they are only
-- under the lock of their room.
CREATE TABLE attachments (
    id         uuid PRIMARY KEY,
    room_id    uuid NOT NULL CONSTRAINT attachments_room_fkey REFERENCES rooms (id) ON DELETE CASCADE,
    author_id  uuid NOT NULL CONSTRAINT attachments_author_fkey REFERENCES users (id),
    seq        bigint,
    place      integer NOT NULL DEFAULT 0,
    size       bigint NOT NULL DEFAULT 0 CONSTRAINT attachments_size_natural CHECK (size >= 0),
    details    text,
    created_at timestamptz NOT NULL,
    CONSTRAINT attachments_message_fkey FOREIGN KEY (room_id, seq) REFERENCES messages (room_id, seq) ON DELETE CASCADE,
    CONSTRAINT attachments_sent_whole CHECK (seq IS NULL OR details IS NOT NULL)
);
CREATE INDEX attachments_message ON attachments (room_id, seq, place);
-- For how much somebody has, and what they take along.
CREATE INDEX attachments_author ON attachments (author_id, id) INCLUDE (size);
CREATE INDEX attachments_unsent ON attachments (created_at) WHERE seq IS NULL;

-- Objects that are not needed any more. Whatever takes away the row of a file, its bytes go too.
CREATE TABLE removed_objects (id uuid PRIMARY KEY);
CREATE FUNCTION remove_objects() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO removed_objects (id) SELECT id FROM removed ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER attachments_removed AFTER DELETE ON attachments
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION remove_objects();

-- So that nothing is looked up for the many messages without.
ALTER TABLE messages ADD has_files boolean NOT NULL DEFAULT false;

-- As in 0037, with the files that go with them.
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
    DELETE FROM reactions n WHERE n.room_id = room AND n.seq = ANY (seqs);
    UPDATE rooms SET last_change = last_change + cardinality(seqs) WHERE id = room RETURNING last_change INTO last;
    RETURN last;
END
$$;

-- As in 0035, with the files that go with a message: an array of their ids as text, null for none. They are whole, of its
-- author and for its room, and were not sent yet.
DROP FUNCTION store_messages;
CREATE FUNCTION store_messages(
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
    ), sent AS (
        UPDATE attachments g SET seq = n.seq, place = n.place
        FROM (
            SELECT u.id, j.last_seq + j.step AS seq, u.place
            FROM judged j CROSS JOIN LATERAL unnest(j.files::uuid[]) WITH ORDINALITY AS u (id, place)
            WHERE j.fresh AND j.files IS NOT NULL
        ) n
        WHERE g.id = n.id
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
END
$$;
