-- locks: database RESERVED
-- makes: data_keys, revoked_tokens, signing_keys
-- The keys that are made once and kept sealed, and the admin tokens that are revoked.
--
-- Sealed: one byte that says how (1: AES-256-GCM), a nonce of 12 bytes, the ciphertext, a tag of 16 bytes. In tenant_id,
-- an empty text is the system itself.

CREATE TABLE data_keys (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one, and it seals every other secret
    tenant_id  TEXT    NOT NULL CHECK (tenant_id = ''),
    wrapped    BLOB    NOT NULL, -- sealed
    wrapped_by TEXT    NOT NULL CHECK (wrapped_by IN ('data-key', 'session-secret')),
    version    INTEGER NOT NULL, -- counts wrappings, from 1
    created_at INTEGER NOT NULL, -- microseconds
    updated_at INTEGER NOT NULL  -- microseconds; when it was wrapped
) STRICT;

CREATE TABLE signing_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT    NOT NULL,
    purpose    TEXT    NOT NULL,
    secret     BLOB    NOT NULL, -- sealed; the seed of an Ed25519 key
    public_key BLOB    NOT NULL, -- 32 bytes
    created_at INTEGER NOT NULL, -- microseconds
    UNIQUE (tenant_id, purpose)
) STRICT, WITHOUT ROWID;

CREATE TABLE revoked_tokens (
    id         TEXT    NOT NULL, -- of a token, or of one block of it
    tenant_id  TEXT    NOT NULL, -- whose tokens it revokes; empty: any
    expires_at INTEGER NOT NULL, -- microseconds; when the token is dead anyhow
    created_at INTEGER NOT NULL, -- microseconds
    PRIMARY KEY (id, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);
