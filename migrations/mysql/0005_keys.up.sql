-- locks: nothing
-- makes: data_keys, revoked_tokens, signing_keys
-- The keys that are made once and kept sealed, and the admin tokens that are revoked.
--
-- Sealed: one byte that says how (1: AES-256-GCM), a nonce of 12 bytes, the ciphertext, a tag of 16 bytes. In tenant_id,
-- an empty text is the system itself.

CREATE TABLE IF NOT EXISTS data_keys (
    id         bigint         NOT NULL PRIMARY KEY CHECK (id = 1), -- there is one, and it seals every other secret
    tenant_id  varchar(63)    NOT NULL CHECK (tenant_id = ''),
    wrapped    varbinary(255) NOT NULL, -- sealed
    wrapped_by varchar(16)    NOT NULL CHECK (wrapped_by IN ('data-key', 'session-secret')),
    version    bigint         NOT NULL, -- counts wrappings, from 1
    created_at datetime(6)    NOT NULL,
    updated_at datetime(6)    NOT NULL  -- when it was wrapped
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS signing_keys (
    id         char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    tenant_id  varchar(63)    NOT NULL,
    purpose    varchar(32)    NOT NULL,
    secret     varbinary(255) NOT NULL, -- sealed; the seed of an Ed25519 key
    public_key binary(32)     NOT NULL,
    created_at datetime(6)    NOT NULL,
    UNIQUE INDEX signing_keys_by_purpose (tenant_id, purpose)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS revoked_tokens (
    id         char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- of a token, or of one block of it
    tenant_id  varchar(63)    NOT NULL, -- whose tokens it revokes; empty: any
    expires_at datetime(6)    NOT NULL, -- when the token is dead anyhow
    created_at datetime(6)    NOT NULL,
    PRIMARY KEY (id, tenant_id),
    INDEX revoked_tokens_by_end (expires_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;
