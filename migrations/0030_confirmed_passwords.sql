-- When somebody who was logged in gave their password once more; null while they have not since the log-in began.
ALTER TABLE user_sessions ADD confirmed_at timestamptz;
