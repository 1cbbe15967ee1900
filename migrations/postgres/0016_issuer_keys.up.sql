-- locks: nothing
-- makes: issuer_keys
-- The keys of tenants that sign JWTs and biscuits for others to verify; a key signs only one of them. A key is first `next`
-- (published), then `active` (signs), then `retiring` (published), then `retired`. There is one of each use and algorithm that
-- is `next`, and one that is `active`: `slot` is that state, or null, and unique.

CREATE TABLE issuer_keys (
    id         uuid             NOT NULL PRIMARY KEY, -- the kid
    tenant_id  text COLLATE "C" NOT NULL,
    key_use    text COLLATE "C" NOT NULL CHECK (key_use IN ('jwt', 'biscuit')),
    algorithm  text COLLATE "C" NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256')),
    state      text COLLATE "C" NOT NULL CHECK (state IN ('next', 'active', 'retiring', 'retired')),
    slot       text COLLATE "C" CHECK (slot IS NULL AND state IN ('retiring', 'retired') OR slot = state AND state IN ('next', 'active')),
    secret     bytea            CHECK ((secret IS NULL) = (slot IS NULL)), -- sealed; PKCS #8; null: it signs no more
    public_jwk json             NOT NULL,
    created_at timestamptz      NOT NULL,
    since      timestamptz      NOT NULL, -- when it entered its state
    UNIQUE (tenant_id, key_use, algorithm, slot)
);

CREATE INDEX issuer_keys_by_state ON issuer_keys (state, since);
