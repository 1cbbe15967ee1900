-- locks: nothing
-- makes: audit_seals, audit_sealing
-- Seals over the audit trail, and who makes them.

-- A seal covers its tenant's events behind the seal before it, up to its last one. No foreign keys: it outlives the
-- events that it covers.
CREATE TABLE IF NOT EXISTS audit_seals (
    tenant_id  varchar(63)    NOT NULL,
    number     bigint         NOT NULL, -- counts the tenant's seals, from 1
    last_at    datetime(6)    NOT NULL, -- of the last event that it covers
    last_id    char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    entries    longblob       NOT NULL, -- 56 bytes for each event: id, time, digest
    root       varbinary(32)  NOT NULL, -- of the Merkle tree over the entries
    previous   varbinary(32)  NOT NULL, -- hash of the seal before, zeros in the first
    sealed_at  datetime(6)    NOT NULL,
    public_key varbinary(32)  NOT NULL, -- Ed25519
    signature  varbinary(255) NOT NULL, -- 64 bytes
    PRIMARY KEY (tenant_id, number)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

-- One row, of no tenant: whose turn it is to seal. Nothing rests on it but that two don't do the same work.
CREATE TABLE IF NOT EXISTS audit_sealing (
    id           int         NOT NULL PRIMARY KEY CHECK (id = 1),
    holder       char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    leased_until datetime(6) NOT NULL, -- free from then on
    sealed_until datetime(6) NOT NULL  -- everything up to then is sealed
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

INSERT IGNORE INTO audit_sealing (id, holder, leased_until, sealed_until)
VALUES (1, '00000000-0000-0000-0000-000000000000', '1970-01-01', '1970-01-01');
