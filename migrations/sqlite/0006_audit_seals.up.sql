-- locks: database RESERVED
-- makes: audit_seals, audit_sealing
-- Seals over the audit trail, and who makes them.

-- A seal covers its tenant's events behind the seal before it, up to its last one. No foreign keys: it outlives the
-- events that it covers.
CREATE TABLE audit_seals (
    tenant_id  TEXT    NOT NULL,
    number     INTEGER NOT NULL, -- counts the tenant's seals, from 1
    last_at    INTEGER NOT NULL, -- microseconds; of the last event that it covers
    last_id    TEXT    NOT NULL,
    entries    BLOB    NOT NULL, -- 56 bytes for each event: id, time, digest
    root       BLOB    NOT NULL, -- 32 bytes; of the Merkle tree over the entries
    previous   BLOB    NOT NULL, -- 32 bytes; hash of the seal before, zeros in the first
    sealed_at  INTEGER NOT NULL, -- microseconds
    public_key BLOB    NOT NULL, -- 32 bytes; Ed25519
    signature  BLOB    NOT NULL, -- 64 bytes
    PRIMARY KEY (tenant_id, number)
) STRICT;

-- One row, of no tenant: whose turn it is to seal. Nothing rests on it but that two don't do the same work.
CREATE TABLE audit_sealing (
    id           INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    holder       TEXT    NOT NULL,
    leased_until INTEGER NOT NULL, -- microseconds; free from then on
    sealed_until INTEGER NOT NULL  -- microseconds; everything up to then is sealed
) STRICT;

INSERT INTO audit_sealing (id, holder, leased_until, sealed_until)
VALUES (1, '00000000-0000-0000-0000-000000000000', 0, 0);
