-- Accounts, messages and rooms are erased: at once so that nobody can read them any more, and then, by a job, from the tables.

-- An erased account is an empty row that its tombstones name. Its data key is gone, so that data_key_id leads nowhere.
-- What a request that was on its way wants to write into it is refused.
ALTER TABLE users
    DROP CONSTRAINT users_data_key_fkey,
    ADD erased_at timestamptz,
    ADD CONSTRAINT users_erased_empty CHECK (
        erased_at IS NULL
        OR num_nonnulls(email, email_key, email_verified_at, consent_version) = 0 AND role = 'member'
           AND concat(first_name, last_name, display_name, bio, first_key, last_key, display_key) = ''
    );

-- As in 0020; an erased account has no username, by which it is known where people are shown.
CREATE OR REPLACE VIEW authors AS
SELECT u.id, CASE WHEN u.erased_at IS NULL THEN u.username ELSE '' END AS username, u.role, u.data_key_id,
       CASE WHEN u.erased_at IS NOT NULL THEN 'Deleted account'
            WHEN u.display_name <> '' THEN u.display_name
            WHEN u.first_name = '' AND u.last_name = '' THEN u.username
            ELSE btrim(u.first_name || ' ' || u.last_name) END AS name,
       p.version AS picture
FROM users u LEFT JOIN pictures p ON p.user_id = u.id;

-- Usernames of erased accounts, and what looks like them, which nobody else is to take for a while: only as HMACs.
CREATE TABLE reserved_usernames (
    hash           text COLLATE "C" PRIMARY KEY,
    reserved_until timestamptz NOT NULL
);
CREATE INDEX reserved_usernames_until ON reserved_usernames (reserved_until);

-- A data key was destroyed: every node drops it from its memory.
ALTER TABLE revocations
    DROP CONSTRAINT revocations_kind_known,
    ADD CONSTRAINT revocations_kind_known CHECK (kind IN ('session', 'presence', 'key'));

-- A deleted message stays as a line without text, so that the numbers around it stand.
ALTER TABLE messages
    ADD deleted_at timestamptz,
    ADD CONSTRAINT messages_deleted_empty CHECK (deleted_at IS NULL OR body IS NULL);

-- Takes the texts of these messages out of a room that is locked, each with a change of its own; the last of them. It brings
-- the settings that leave nothing but searches in indexes, as store_messages does.
CREATE FUNCTION delete_messages(room uuid, seqs bigint[], now timestamptz) RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    last bigint;
BEGIN
    UPDATE messages m SET body = NULL, deleted_at = now, change = r.last_change + array_position(seqs, m.seq)
    FROM rooms r WHERE r.id = room AND m.room_id = room AND m.seq = ANY (seqs) AND m.deleted_at IS NULL;
    UPDATE rooms SET last_change = last_change + cardinality(seqs) WHERE id = room RETURNING last_change INTO last;
    RETURN last;
END
$$;

-- As in 0025, without deleted messages.
CREATE OR REPLACE FUNCTION count_unread(room uuid, reader uuid, after_seq bigint) RETURNS bigint
LANGUAGE sql STABLE
AS $$
    SELECT count(*) FROM (
        SELECT FROM (
            SELECT author_id, deleted_at FROM messages WHERE room_id = room AND seq > after_seq
            ORDER BY room_id, seq LIMIT 2000
        ) s WHERE author_id <> reader AND deleted_at IS NULL LIMIT 100
    ) s
$$;

-- A deleted room is of a kind that nobody may see, until the last of its rows is gone. Its data key is gone at once.
ALTER TABLE rooms
    DROP CONSTRAINT rooms_data_key_fkey,
    DROP CONSTRAINT rooms_kind_known,
    ADD CONSTRAINT rooms_kind_known CHECK (kind IN ('public', 'private', 'group', 'direct', 'deleted'));
