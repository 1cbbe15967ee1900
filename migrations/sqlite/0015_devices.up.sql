-- locks: database RESERVED
-- makes: devices
-- The browsers that users have logged in from. One that several users log in from is a device of each.

CREATE TABLE devices (
    id            TEXT    NOT NULL,
    tenant_id     TEXT    NOT NULL,
    identity_id   TEXT    NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    token_hash    BLOB    NOT NULL, -- 32 bytes
    ip_address    TEXT,             -- of the last login
    user_agent    TEXT,             -- of the last login
    first_seen_at INTEGER NOT NULL, -- microseconds
    last_seen_at  INTEGER NOT NULL, -- microseconds
    trusted_at    INTEGER,          -- microseconds; null: does not stand in for the second factor
    trusted_epoch INTEGER CHECK ((trusted_epoch IS NULL) = (trusted_at IS NULL)), -- sessions_epoch of the tenant at that time
    PRIMARY KEY (identity_id, token_hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX devices_by_age ON devices (last_seen_at);
