-- How often the list of public rooms has changed: a room made, renamed, archived, opened again or deleted. A page that
-- comes back says which version it shows, and gets the list anew only when it is another one by now.
CREATE TABLE room_list (
    is_only boolean PRIMARY KEY DEFAULT true CONSTRAINT room_list_one_row CHECK (is_only),
    version bigint NOT NULL
);
INSERT INTO room_list (version) VALUES (0);
