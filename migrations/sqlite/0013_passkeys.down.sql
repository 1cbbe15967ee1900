-- locks: database RESERVED
-- reads: credentials, refresh_tokens, sessions, tenants
-- writes: credentials, refresh_tokens, sessions, tenants
-- Removes all passkeys, and the sessions that were opened with one: after it, users without a password can't log in.

-- The version before knows no passkeys. A tenant that allows nothing else allows nothing then, until its settings change.
UPDATE tenants
SET version = version + 1,
    settings = REPLACE(REPLACE(REPLACE(settings, ',"webauthn"', ''), '"webauthn",', ''), '"webauthn"', '')
WHERE settings LIKE '%"webauthn"%';
-- Migrations run without foreign keys: nothing is removed by itself.
DELETE FROM refresh_tokens
WHERE session_id IN (SELECT id FROM sessions WHERE methods LIKE '%"webauthn"%');
DELETE FROM sessions WHERE methods LIKE '%"webauthn"%';
DELETE FROM credentials WHERE kind = 'webauthn';
DROP INDEX credentials_by_lookup;
ALTER TABLE credentials DROP COLUMN data;
ALTER TABLE credentials DROP COLUMN lookup;
ALTER TABLE credentials DROP COLUMN user_verified;
ALTER TABLE credentials DROP COLUMN backed_up;

-- Tokens live for five minutes: who is logging in meanwhile begins again.
DROP TABLE one_time_tokens;
CREATE TABLE one_time_tokens (
    hash        BLOB    NOT NULL PRIMARY KEY, -- 32 bytes
    tenant_id   TEXT    NOT NULL,
    purpose     TEXT    NOT NULL,             -- mfa
    identity_id TEXT    NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    data        TEXT    NOT NULL,             -- JSON
    tries       INTEGER NOT NULL,             -- how many wrong ones are left
    created_at  INTEGER NOT NULL,             -- microseconds
    expires_at  INTEGER NOT NULL              -- microseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX one_time_tokens_by_identity ON one_time_tokens (identity_id);
CREATE INDEX one_time_tokens_by_end ON one_time_tokens (expires_at);
