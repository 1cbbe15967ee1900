-- locks: database RESERVED
-- makes: messages
-- Messages to users, stored with the change that causes them and delivered afterwards. One that waits, due or leased, has no
-- `finished_at`; it alone is in the index that the lease uses, and it is in none that the removal uses.

CREATE TABLE messages (
    id          TEXT    NOT NULL PRIMARY KEY,
    tenant_id   TEXT    NOT NULL,
    identity_id TEXT    REFERENCES identities (id) ON DELETE CASCADE, -- null: not known, or not to be seen here
    kind        TEXT    NOT NULL, -- verification, recovery, …: the name of its template
    channel     TEXT    NOT NULL CHECK (channel IN ('mail', 'sms')),
    recipient   TEXT    NOT NULL, -- an address
    languages   TEXT    NOT NULL, -- as in Accept-Language
    data        BLOB,             -- sealed; null: delivered
    state       TEXT    NOT NULL CHECK (state IN ('due', 'leased', 'delivered', 'dead')),
    lease       TEXT    CHECK ((lease IS NOT NULL) = (state = 'leased')),
    attempts    INTEGER NOT NULL,
    due_at      INTEGER NOT NULL, -- microseconds; leased: when the lease ends
    error       TEXT,             -- of the last attempt
    created_at  INTEGER NOT NULL, -- microseconds
    finished_at INTEGER CHECK ((finished_at IS NOT NULL) = (state IN ('delivered', 'dead'))) -- microseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX messages_by_identity ON messages (identity_id) WHERE identity_id IS NOT NULL;
CREATE INDEX messages_by_due ON messages (channel, due_at, id) WHERE finished_at IS NULL;
CREATE INDEX messages_by_lease ON messages (lease) WHERE lease IS NOT NULL;
CREATE INDEX messages_by_tenant ON messages (tenant_id, created_at, id);
CREATE INDEX messages_by_state ON messages (state, created_at, id);
CREATE INDEX messages_by_end ON messages (finished_at) WHERE finished_at IS NOT NULL;
