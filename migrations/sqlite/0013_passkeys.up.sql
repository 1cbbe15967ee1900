-- locks: database RESERVED
-- reads: credentials
-- Passkeys are credentials. `data` is what never changes of one; what is searched by, or changes, has a column of its own.
-- One-time tokens need no identity: a passkey ceremony may begin before it is known who logs in.

ALTER TABLE credentials ADD COLUMN data TEXT; -- webauthn: JSON object; null: none
ALTER TABLE credentials ADD COLUMN lookup BLOB; -- webauthn: SHA-256 of the credential id; null: none
-- webauthn: when it was registered
ALTER TABLE credentials ADD COLUMN user_verified INTEGER NOT NULL DEFAULT 0 CHECK (user_verified IN (0, 1));
-- webauthn: when it was last used
ALTER TABLE credentials ADD COLUMN backed_up INTEGER NOT NULL DEFAULT 0 CHECK (backed_up IN (0, 1));

CREATE UNIQUE INDEX credentials_by_lookup ON credentials (tenant_id, lookup) WHERE lookup IS NOT NULL;

-- A column can't become nullable here. Tokens live for five minutes: who is logging in meanwhile begins again.
DROP TABLE one_time_tokens;
CREATE TABLE one_time_tokens (
    hash        BLOB    NOT NULL PRIMARY KEY, -- 32 bytes
    tenant_id   TEXT    NOT NULL,
    purpose     TEXT    NOT NULL,             -- mfa, webauthn
    identity_id TEXT    REFERENCES identities (id) ON DELETE CASCADE, -- null: not known yet
    data        TEXT    NOT NULL,             -- mfa: JSON; webauthn: sealed
    tries       INTEGER NOT NULL,             -- how many wrong ones are left
    created_at  INTEGER NOT NULL,             -- microseconds
    expires_at  INTEGER NOT NULL              -- microseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX one_time_tokens_by_identity ON one_time_tokens (identity_id);
CREATE INDEX one_time_tokens_by_end ON one_time_tokens (expires_at);
