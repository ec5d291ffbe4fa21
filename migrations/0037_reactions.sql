-- People react to messages with emoji.
CREATE TABLE reactions (
    room_id    uuid NOT NULL,
    seq        bigint NOT NULL,
    emoji      text COLLATE "C" NOT NULL CONSTRAINT reactions_emoji_short CHECK (octet_length(emoji) BETWEEN 1 AND 64),
    user_id    uuid NOT NULL CONSTRAINT reactions_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq, emoji, user_id),
    CONSTRAINT reactions_message_fkey FOREIGN KEY (room_id, seq) REFERENCES messages (room_id, seq) ON DELETE CASCADE
);
-- For what somebody takes along, and for what goes with their account.
CREATE INDEX reactions_person ON reactions (user_id, room_id, seq, emoji);

-- So that nothing is looked up for the many messages without.
ALTER TABLE messages ADD has_reactions boolean NOT NULL DEFAULT false;

-- Reactions to these messages of a room that is locked came or went: each is a change of the room; the last of them.
CREATE FUNCTION change_reactions(room uuid, seqs bigint[]) RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    last bigint;
BEGIN
    UPDATE messages m SET change = r.last_change + array_position(seqs, m.seq),
                          has_reactions = (SELECT true FROM reactions n WHERE n.room_id = room AND n.seq = m.seq LIMIT 1) IS NOT NULL
    FROM rooms r WHERE r.id = room AND m.room_id = room AND m.seq = ANY (seqs);
    UPDATE rooms SET last_change = last_change + cardinality(seqs) WHERE id = room RETURNING last_change INTO last;
    RETURN last;
END
$$;

-- As in 0034, with the reactions to them.
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
    UPDATE messages m SET body = NULL, edited_at = NULL, deleted_at = now, has_reactions = false,
                          change = r.last_change + array_position(seqs, m.seq)
    FROM rooms r WHERE r.id = room AND m.room_id = room AND m.seq = ANY (seqs) AND m.deleted_at IS NULL;
    DELETE FROM mentions n WHERE n.room_id = room AND n.seq = ANY (seqs);
    DELETE FROM reactions n WHERE n.room_id = room AND n.seq = ANY (seqs);
    UPDATE rooms SET last_change = last_change + cardinality(seqs) WHERE id = room RETURNING last_change INTO last;
    RETURN last;
END
$$;
