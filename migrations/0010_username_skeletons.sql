-- What usernames look like, so that no two can be taken for each other: their skeletons, made by the program (UTS #39).
-- An account from before, or of an older program, is given its own at a start. Of those that look alike the oldest has it:
-- the others keep their names without one.
CREATE TABLE username_skeletons (
    skeleton text COLLATE "C" CONSTRAINT username_skeletons_unique PRIMARY KEY,
    user_id  uuid NOT NULL CONSTRAINT username_skeletons_user_fkey REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX username_skeletons_user ON username_skeletons (user_id);
