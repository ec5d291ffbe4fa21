-- A mail with a link is of no use once the link is dead: it is not sent then, but given up.
ALTER TABLE jobs ADD expires_at timestamptz;
