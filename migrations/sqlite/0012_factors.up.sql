-- locks: database RESERVED
-- makes: one_time_tokens
-- Factors besides the password are credentials: an authenticator app, whose secret is sealed, and recovery codes, of which
-- only hashes are kept. One-time tokens are kept as hashes, too.

ALTER TABLE credentials ADD COLUMN name TEXT NOT NULL DEFAULT ''; -- for people
ALTER TABLE credentials ADD COLUMN counter INTEGER NOT NULL DEFAULT 0; -- totp: the last time step that was used

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
