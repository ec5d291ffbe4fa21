-- Who is taking their data along right now: at most one export at a time and person, over all nodes. What a node that died
-- leaves behind counts for nothing once its time is up.
CREATE TABLE exports (
    user_id    uuid PRIMARY KEY CONSTRAINT exports_user_fkey REFERENCES users (id) ON DELETE CASCADE,
    id         uuid NOT NULL,
    expires_at timestamptz NOT NULL
);
