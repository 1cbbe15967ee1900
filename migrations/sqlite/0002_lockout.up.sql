-- locks: database RESERVED
-- reads: sessions
-- makes: attempts, known_networks
-- Wrong guesses, and where each identity has logged in from: guesses from there are counted apart.

-- No foreign key to identities: guesses at accounts that there are not are counted as well.
CREATE TABLE attempts (
    tenant_id       TEXT    NOT NULL,
    identifier_hash BLOB    NOT NULL, -- 32 bytes; of the canonical identifier
    network         TEXT    NOT NULL, -- an address, or an IPv6 /64; empty: everywhere else
    failures        INTEGER NOT NULL,
    last_at         INTEGER NOT NULL, -- microseconds
    PRIMARY KEY (tenant_id, identifier_hash, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_by_age ON attempts (last_at);

CREATE TABLE known_networks (
    identity_id   TEXT    NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    network       TEXT    NOT NULL, -- an address, or an IPv6 /64
    tenant_id     TEXT    NOT NULL,
    last_login_at INTEGER NOT NULL, -- microseconds
    PRIMARY KEY (identity_id, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_networks_by_age ON known_networks (last_login_at);
CREATE INDEX sessions_by_end ON sessions (ends_at);
