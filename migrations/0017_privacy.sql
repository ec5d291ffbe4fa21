-- Whether somebody hides that they are online, and that they have read what others wrote.
ALTER TABLE users
    ADD presence_hidden boolean NOT NULL DEFAULT false,
    ADD receipts_hidden boolean NOT NULL DEFAULT false;

-- A person has changed the former: every node looks at it again, for the sockets that are open.
ALTER TABLE revocations
    DROP CONSTRAINT revocations_kind_known,
    ADD CONSTRAINT revocations_kind_known CHECK (kind IN ('session', 'presence'));
