-- An administrator made on the command line was asked for no consent, so none is recorded.
ALTER TABLE users
    ALTER consent_version DROP NOT NULL,
    ALTER consented_at DROP NOT NULL,
    ADD CONSTRAINT users_consent_whole CHECK ((consent_version IS NULL) = (consented_at IS NULL));
