-- Whom members asked into a private room, until they answer: a row for each who asked.
CREATE TABLE invitations (
    user_id    uuid NOT NULL CONSTRAINT invitations_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    room_id    uuid NOT NULL CONSTRAINT invitations_room_fkey REFERENCES rooms (id) ON DELETE CASCADE,
    inviter_id uuid NOT NULL CONSTRAINT invitations_inviter_fkey REFERENCES users (id) ON DELETE CASCADE,
    invited_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, room_id, inviter_id)
);
CREATE INDEX invitations_room ON invitations (room_id, user_id);
CREATE INDEX invitations_inviter ON invitations (inviter_id);

-- An invitation stands while who made it may invite, and the room takes people in. It is not shown to somebody who blocks them.
CREATE VIEW standing_invitations AS
SELECT i.user_id, i.room_id, i.inviter_id, i.invited_at,
       NOT EXISTS (SELECT FROM blocks b WHERE b.blocker_id = i.user_id AND b.blocked_id = i.inviter_id) AS is_shown
FROM invitations i
JOIN members m ON m.room_id = i.room_id AND m.user_id = i.inviter_id AND m.role IN ('moderator', 'owner')
JOIN rooms r ON r.id = i.room_id AND r.archived_at IS NULL;

-- Links by which people get into a room. Of its token the hash is stored.
CREATE TABLE invites (
    id         uuid PRIMARY KEY,
    room_id    uuid NOT NULL CONSTRAINT invites_room_fkey REFERENCES rooms (id) ON DELETE CASCADE,
    maker_id   uuid NOT NULL CONSTRAINT invites_maker_fkey REFERENCES users (id) ON DELETE CASCADE,
    hash       bytea NOT NULL CONSTRAINT invites_hash_unique UNIQUE
               CONSTRAINT invites_hash_length CHECK (octet_length(hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    max_uses   integer CONSTRAINT invites_max_uses_positive CHECK (max_uses > 0),
    uses       integer NOT NULL DEFAULT 0,
    CONSTRAINT invites_uses_counted CHECK (uses BETWEEN 0 AND coalesce(max_uses, uses))
);
CREATE INDEX invites_room ON invites (room_id, id);
CREATE INDEX invites_maker ON invites (maker_id);

-- Whether a link lets people in: it is not used up, it has not expired, and who made it may invite.
CREATE FUNCTION is_good(link invites, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT link.uses < coalesce(link.max_uses, link.uses + 1) AND coalesce(link.expires_at > at, true) AND EXISTS (
        SELECT FROM members m
        WHERE m.room_id = link.room_id AND m.user_id = link.maker_id AND m.role IN ('moderator', 'owner')
    )
$$;
