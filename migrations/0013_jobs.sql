-- Work that must happen although the program stops. A claim moves run_at on by the length of a lease, so that the job
-- is due again if whoever claimed it does not come back. Finished jobs vanish; those given up stay to be seen.
CREATE TABLE jobs (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    payload     text NOT NULL,
    run_at      timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    last_error  text,
    created_at  timestamptz NOT NULL,
    given_up_at timestamptz
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE given_up_at IS NULL;
