-- locks: credentials ACCESS EXCLUSIVE
-- locks: one_time_tokens ACCESS EXCLUSIVE
-- locks: refresh_tokens ROW EXCLUSIVE
-- locks: sessions ROW EXCLUSIVE
-- locks: tenants ROW EXCLUSIVE
-- reads: credentials, one_time_tokens, sessions, tenants
-- writes: credentials, one_time_tokens, refresh_tokens, sessions, tenants
-- Removes all passkeys, and the sessions that were opened with one: after it, users without a password can't log in.

-- The version before knows no passkeys. A tenant that allows nothing else allows nothing then, until its settings change.
UPDATE tenants
SET version = version + 1,
    settings = REPLACE(REPLACE(REPLACE(settings::text, ',"webauthn"', ''), '"webauthn",', ''), '"webauthn"', '')::json
WHERE settings::text LIKE '%"webauthn"%';
DELETE FROM sessions WHERE methods::text LIKE '%"webauthn"%';
DELETE FROM credentials WHERE kind = 'webauthn';
DROP INDEX credentials_by_lookup;
ALTER TABLE credentials DROP COLUMN data, DROP COLUMN lookup, DROP COLUMN user_verified, DROP COLUMN backed_up;
-- Tokens live for five minutes: who is logging in meanwhile begins again.
DELETE FROM one_time_tokens;
ALTER TABLE one_time_tokens ALTER COLUMN identity_id SET NOT NULL;
