-- A message can be edited: what stood before is not kept.
ALTER TABLE messages ADD edited_at timestamptz;

-- As in 0026; whom a deleted message named is not known any more either.
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
    UPDATE messages m SET body = NULL, edited_at = NULL, deleted_at = now,
                          change = r.last_change + array_position(seqs, m.seq)
    FROM rooms r WHERE r.id = room AND m.room_id = room AND m.seq = ANY (seqs) AND m.deleted_at IS NULL;
    DELETE FROM mentions n WHERE n.room_id = room AND n.seq = ANY (seqs);
    UPDATE rooms SET last_change = last_change + cardinality(seqs) WHERE id = room RETURNING last_change INTO last;
    RETURN last;
END
$$;
