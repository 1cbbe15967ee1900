-- locks: credentials INPLACE
-- locks: credentials ROWS
-- locks: one_time_tokens INPLACE
-- locks: one_time_tokens ROWS
-- locks: refresh_tokens ROWS
-- locks: sessions ROWS
-- locks: tenants ROWS
-- reads: credentials, one_time_tokens, sessions, tenants
-- writes: credentials, one_time_tokens, refresh_tokens, sessions, tenants
-- Removes all passkeys, and the sessions that were opened with one: after it, users without a password can't log in.

-- The version before knows no passkeys. A tenant that allows nothing else allows nothing then, until its settings change.
UPDATE tenants
SET version = version + 1,
    settings = REPLACE(REPLACE(REPLACE(settings, ',"webauthn"', ''), '"webauthn",', ''), '"webauthn"', '')
WHERE settings LIKE '%"webauthn"%';
DELETE FROM sessions WHERE methods LIKE '%"webauthn"%';
DELETE FROM credentials WHERE kind = 'webauthn';
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'credentials' AND column_name = 'lookup'),
    'ALTER TABLE credentials DROP INDEX credentials_by_lookup, DROP COLUMN data, DROP COLUMN lookup,
        DROP COLUMN user_verified, DROP COLUMN backed_up', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
-- Tokens live for five minutes: who is logging in meanwhile begins again.
DELETE FROM one_time_tokens;
ALTER TABLE one_time_tokens MODIFY COLUMN identity_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;
