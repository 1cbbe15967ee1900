-- locks: nothing
-- makes: data_keys, revoked_tokens, signing_keys
-- The keys that are made once and kept sealed, and the admin tokens that are revoked.
--
-- Sealed: one byte that says how (1: AES-256-GCM), a nonce of 12 bytes, the ciphertext, a tag of 16 bytes. In tenant_id,
-- an empty text is the system itself.

CREATE TABLE data_keys (
    id         bigint           NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one, and it seals every other secret
    tenant_id  text COLLATE "C" NOT NULL CHECK (tenant_id = ''),
    wrapped    bytea            NOT NULL, -- sealed
    wrapped_by text COLLATE "C" NOT NULL CHECK (wrapped_by IN ('data-key', 'session-secret')),
    version    bigint           NOT NULL, -- counts wrappings, from 1
    created_at timestamptz      NOT NULL,
    updated_at timestamptz      NOT NULL  -- when it was wrapped
);

CREATE TABLE signing_keys (
    id         uuid             NOT NULL PRIMARY KEY,
    tenant_id  text COLLATE "C" NOT NULL,
    purpose    text COLLATE "C" NOT NULL,
    secret     bytea            NOT NULL, -- sealed; the seed of an Ed25519 key
    public_key bytea            NOT NULL, -- 32 bytes
    created_at timestamptz      NOT NULL,
    UNIQUE (tenant_id, purpose)
);

CREATE TABLE revoked_tokens (
    id         uuid             NOT NULL, -- of a token, or of one block of it
    tenant_id  text COLLATE "C" NOT NULL, -- whose tokens it revokes; empty: any
    expires_at timestamptz      NOT NULL, -- when the token is dead anyhow
    created_at timestamptz      NOT NULL,
    PRIMARY KEY (id, tenant_id)
);

CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);
