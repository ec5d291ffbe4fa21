-- What people say of themselves. Whoever gives a display name is shown by it; it is searched by its folded key.
ALTER TABLE users
    ADD display_name text NOT NULL DEFAULT ''
        CONSTRAINT users_display_name_length CHECK (char_length(display_name) <= 64),
    ADD display_key  text COLLATE "C" NOT NULL DEFAULT '',
    ADD bio          text NOT NULL DEFAULT '' CONSTRAINT users_bio_length CHECK (char_length(bio) <= 500);
CREATE INDEX users_display_key ON users (display_key);

-- How people are shown, everywhere: by the display name, or by first and last name, or by their username.
CREATE OR REPLACE VIEW authors AS
SELECT id, username, role, data_key_id,
       CASE WHEN display_name <> '' THEN display_name
            WHEN first_name = '' AND last_name = '' THEN username
            ELSE btrim(first_name || ' ' || last_name) END AS name
FROM users;
