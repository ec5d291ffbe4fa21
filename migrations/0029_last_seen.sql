-- When somebody was last online, as far as they did not hide. It stands in no index, and there is room on each page for
-- what changes often.
ALTER TABLE users ADD last_seen_at timestamptz, SET (fillfactor = 85);
