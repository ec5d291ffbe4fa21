-- What must reach every node although the bus may lose it: each node reads what is new every second.
-- Ids are handed out under one lock, so that they commit in their order and a reader who has seen n has seen all before.
CREATE TABLE revocations (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    text NOT NULL CONSTRAINT revocations_kind_known CHECK (kind IN ('session')),
    subject uuid NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX revocations_at ON revocations (at);
