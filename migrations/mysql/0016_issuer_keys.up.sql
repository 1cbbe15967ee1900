-- locks: nothing
-- makes: issuer_keys
-- The keys of tenants that sign JWTs and biscuits for others to verify; a key signs only one of them. A key is first `next`
-- (published), then `active` (signs), then `retiring` (published), then `retired`. There is one of each use and algorithm that
-- is `next`, and one that is `active`: `slot` is that state, or null, and unique.

CREATE TABLE IF NOT EXISTS issuer_keys (
    id         char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, -- the kid
    tenant_id  varchar(63) NOT NULL,
    key_use    varchar(16) NOT NULL CHECK (key_use IN ('jwt', 'biscuit')),
    algorithm  varchar(16) NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256')),
    state      varchar(16) NOT NULL CHECK (state IN ('next', 'active', 'retiring', 'retired')),
    slot       varchar(16),
    secret     blob,                 -- sealed; PKCS #8; null: it signs no more
    public_jwk text        NOT NULL,
    created_at datetime(6) NOT NULL,
    since      datetime(6) NOT NULL, -- when it entered its state
    UNIQUE INDEX issuer_keys_by_slot (tenant_id, key_use, algorithm, slot),
    INDEX issuer_keys_by_state (state, since),
    CONSTRAINT issuer_keys_slot CHECK (slot IS NULL AND state IN ('retiring', 'retired') OR slot = state AND state IN ('next', 'active')),
    CONSTRAINT issuer_keys_secret CHECK ((secret IS NULL) = (slot IS NULL))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;
