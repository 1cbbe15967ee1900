-- locks: identities SHARE ROW EXCLUSIVE
-- makes: devices
-- The browsers that users have logged in from. One that several users log in from is a device of each.

CREATE TABLE devices (
    id            uuid             NOT NULL,
    tenant_id     text COLLATE "C" NOT NULL,
    identity_id   uuid             NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    token_hash    bytea            NOT NULL, -- 32 bytes
    ip_address    text COLLATE "C",          -- of the last login
    user_agent    text COLLATE "C",          -- of the last login
    first_seen_at timestamptz      NOT NULL,
    last_seen_at  timestamptz      NOT NULL,
    trusted_at    timestamptz,               -- null: does not stand in for the second factor
    trusted_epoch bigint           CHECK ((trusted_epoch IS NULL) = (trusted_at IS NULL)), -- sessions_epoch of the tenant at that time
    PRIMARY KEY (identity_id, token_hash)
);

CREATE INDEX devices_by_age ON devices (last_seen_at);
