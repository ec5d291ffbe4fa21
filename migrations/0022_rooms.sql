-- Rooms that people make themselves. Their slugs are random and stay; their titles need not be unique.
ALTER TABLE rooms
    DROP CONSTRAINT rooms_kind_known,
    ADD CONSTRAINT rooms_kind_known CHECK (kind IN ('public', 'private', 'group', 'direct')),
    DROP CONSTRAINT rooms_title_length,
    ADD CONSTRAINT rooms_title_length
        CHECK (CASE kind WHEN 'direct' THEN title = '' ELSE char_length(title) BETWEEN 1 AND 64 END),
    -- What a new member may read: everything that was ever written, or what comes from then on.
    ADD history text NOT NULL DEFAULT 'all' CONSTRAINT rooms_history_known CHECK (history IN ('all', 'joined'));

ALTER TABLE members
    DROP CONSTRAINT members_role_known,
    ADD CONSTRAINT members_role_known CHECK (role IN ('member', 'moderator', 'owner'));

-- To whom it happened, where that is somebody else than who did it.
ALTER TABLE room_events
    ADD subject_id uuid CONSTRAINT room_events_subject_fkey REFERENCES users (id),
    DROP CONSTRAINT room_events_kind_known,
    ADD CONSTRAINT room_events_kind_known CHECK (kind IN (
        'joined', 'left', 'edited', 'archived', 'restored',
        'created', 'added', 'removed', 'made_owner', 'made_moderator', 'made_member'
    ));

-- The one direct chat of two people.
CREATE TABLE direct_pairs (
    lower_id  uuid NOT NULL CONSTRAINT direct_pairs_lower_fkey REFERENCES users (id),
    higher_id uuid NOT NULL CONSTRAINT direct_pairs_higher_fkey REFERENCES users (id),
    room_id   uuid NOT NULL CONSTRAINT direct_pairs_room_unique UNIQUE
              CONSTRAINT direct_pairs_room_fkey REFERENCES rooms (id) ON DELETE CASCADE,
    PRIMARY KEY (lower_id, higher_id),
    CONSTRAINT direct_pairs_ordered CHECK (lower_id < higher_id)
);

-- Whether the two people of a direct chat are friends: only then it can be written in.
CREATE FUNCTION are_friends(room uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM direct_pairs d JOIN friendships f ON f.lower_id = d.lower_id AND f.higher_id = d.higher_id
        WHERE d.room_id = room AND f.accepted_at IS NOT NULL
    )
$$;

-- As in 0020, and a direct chat takes messages of friends only.
CREATE OR REPLACE FUNCTION store_messages(
    room_ids uuid[], ids uuid[], author_ids uuid[], key_ids uuid[], client_ids uuid[], bodies text[],
    times timestamptz[], wait boolean
) RETURNS TABLE (seq bigint, change bigint, duplicate boolean, locked boolean, username text, name text, picture uuid)
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
                   r.open AND NOT r.locked AND s.seq IS NULL
                   AND (SELECT true FROM members m WHERE m.room_id = b.room_id AND m.user_id = b.author_id) IS NOT NULL
                   AND (SELECT true FROM data_keys k WHERE k.id = b.key_id) IS NOT NULL
                   AND CASE WHEN r.kind = 'direct' THEN are_friends(b.room_id) ELSE true END AS fresh
            FROM UNNEST(room_ids, ids, author_ids, key_ids, client_ids, bodies, times) WITH ORDINALITY
                 AS b (room_id, id, author_id, key_id, client_id, body, created_at, place)
            LEFT JOIN LATERAL (
                SELECT o.last_seq, o.last_change, o.kind, o.archived_at IS NULL AS open,
                       NOT wait AND o.id <> ALL (free) AS locked
                FROM rooms o WHERE o.id = b.room_id OFFSET 0
            ) r ON true
            LEFT JOIN LATERAL (
                SELECT m.room_id, m.seq, m.change FROM messages m
                WHERE m.author_id = b.author_id AND m.client_id = b.client_id OFFSET 0
            ) s ON s.room_id = b.room_id
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
           j.name,
           j.picture
    FROM judged j ORDER BY j.place;
END
$$;
