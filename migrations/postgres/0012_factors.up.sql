-- locks: credentials ACCESS EXCLUSIVE
-- locks: identities SHARE ROW EXCLUSIVE
-- makes: one_time_tokens
-- Factors besides the password are credentials: an authenticator app, whose secret is sealed, and recovery codes, of which
-- only hashes are kept. One-time tokens are kept as hashes, too.

ALTER TABLE credentials ADD COLUMN name text COLLATE "C" NOT NULL DEFAULT ''; -- for people
ALTER TABLE credentials ADD COLUMN counter bigint NOT NULL DEFAULT 0; -- totp: the last time step that was used

CREATE TABLE one_time_tokens (
    hash        bytea            NOT NULL PRIMARY KEY, -- 32 bytes
    tenant_id   text COLLATE "C" NOT NULL,
    purpose     text COLLATE "C" NOT NULL,             -- mfa
    identity_id uuid             NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    data        text COLLATE "C" NOT NULL,             -- JSON
    tries       bigint           NOT NULL,             -- how many wrong ones are left
    created_at  timestamptz      NOT NULL,
    expires_at  timestamptz      NOT NULL
);

CREATE INDEX one_time_tokens_by_identity ON one_time_tokens (identity_id);
CREATE INDEX one_time_tokens_by_end ON one_time_tokens (expires_at);
