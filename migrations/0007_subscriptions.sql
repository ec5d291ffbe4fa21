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
SELECT id, username, role, data_key_id,
       CASE WHEN first_name = '' AND last_name = '' THEN username ELSE btrim(first_name || ' ' || last_name) END AS name
FROM users;

-- The kinds of rooms and the roles in them that the rules know (src/rooms/model/membership.rs).
ALTER TABLE rooms
    DROP CONSTRAINT rooms_kind_known,
    ADD CONSTRAINT rooms_kind_known CHECK (kind IN ('public', 'private', 'group', 'direct'));
ALTER TABLE members
    DROP CONSTRAINT members_role_known,
    ADD CONSTRAINT members_role_known CHECK (role IN ('owner', 'moderator', 'member'));
