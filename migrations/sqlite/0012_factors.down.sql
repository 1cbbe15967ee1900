-- locks: database RESERVED
-- reads: credentials, refresh_tokens, sessions
-- writes: credentials, refresh_tokens, sessions
-- Removes all second factors: after it, a password alone opens a session again.

DROP TABLE one_time_tokens;
DELETE FROM credentials WHERE kind <> 'password';
-- The version before knows no other method than a password.
-- Migrations run without foreign keys: nothing is removed by itself.
DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM sessions WHERE aal <> 'aal1');
DELETE FROM sessions WHERE aal <> 'aal1';
ALTER TABLE credentials DROP COLUMN counter;
ALTER TABLE credentials DROP COLUMN name;
