-- Whether a room has so few members that who has read a message is named; of a larger one it is counted.
CREATE FUNCTION has_few_members(room uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT count(*) <= 50 FROM (SELECT FROM members WHERE room_id = room LIMIT 51) s
$$;
