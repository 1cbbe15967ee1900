-- locks: credentials INPLACE
-- locks: credentials ROWS
-- locks: one_time_tokens EXCLUSIVE
-- reads: credentials, sessions
-- writes: credentials, sessions
-- Removes all second factors: after it, a password alone opens a session again.

DROP TABLE IF EXISTS one_time_tokens;
DELETE FROM credentials WHERE kind <> 'password';
-- The version before knows no other method than a password.
DELETE FROM sessions WHERE aal <> 'aal1';
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'credentials' AND column_name = 'counter'),
    'ALTER TABLE credentials DROP COLUMN counter, DROP COLUMN name', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
