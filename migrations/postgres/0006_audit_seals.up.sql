-- locks: nothing
-- makes: audit_seals, audit_sealing
-- Seals over the audit trail, and who makes them.

-- A seal covers its tenant's events behind the seal before it, up to its last one. No foreign keys: it outlives the
-- events that it covers.
CREATE TABLE audit_seals (
    tenant_id  text COLLATE "C" NOT NULL,
    number     bigint           NOT NULL, -- counts the tenant's seals, from 1
    last_at    timestamptz      NOT NULL, -- of the last event that it covers
    last_id    uuid             NOT NULL,
    entries    bytea            NOT NULL, -- 56 bytes for each event: id, time, digest
    root       bytea            NOT NULL, -- 32 bytes; of the Merkle tree over the entries
    previous   bytea            NOT NULL, -- 32 bytes; hash of the seal before, zeros in the first
    sealed_at  timestamptz      NOT NULL,
    public_key bytea            NOT NULL, -- 32 bytes; Ed25519
    signature  bytea            NOT NULL, -- 64 bytes
    PRIMARY KEY (tenant_id, number)
);

-- Digests don't get smaller.
ALTER TABLE audit_seals ALTER COLUMN entries SET STORAGE EXTERNAL;

-- One row, of no tenant: whose turn it is to seal. Nothing rests on it but that two don't do the same work.
CREATE TABLE audit_sealing (
    id           integer     NOT NULL PRIMARY KEY CHECK (id = 1),
    holder       uuid        NOT NULL,
    leased_until timestamptz NOT NULL, -- free from then on
    sealed_until timestamptz NOT NULL  -- everything up to then is sealed
);

INSERT INTO audit_sealing (id, holder, leased_until, sealed_until)
VALUES (1, '00000000-0000-0000-0000-000000000000', 'epoch', 'epoch');
