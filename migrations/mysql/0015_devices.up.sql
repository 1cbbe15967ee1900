-- locks: identities EXCLUSIVE
-- makes: devices
-- The browsers that users have logged in from. One that several users log in from is a device of each.

CREATE TABLE IF NOT EXISTS devices (
    id            char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    tenant_id     varchar(63)  NOT NULL,
    identity_id   char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    token_hash    binary(32)   NOT NULL,
    ip_address    varchar(255),          -- of the last login
    user_agent    varchar(512),          -- of the last login
    first_seen_at datetime(6)  NOT NULL,
    last_seen_at  datetime(6)  NOT NULL,
    trusted_at    datetime(6),           -- null: does not stand in for the second factor
    trusted_epoch bigint,                -- sessions_epoch of the tenant at that time
    PRIMARY KEY (identity_id, token_hash),
    INDEX devices_by_age (last_seen_at),
    CONSTRAINT devices_trust CHECK ((trusted_epoch IS NULL) = (trusted_at IS NULL)),
    CONSTRAINT devices_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;
