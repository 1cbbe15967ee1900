-- locks: identities SHARE ROW EXCLUSIVE
-- makes: messages
-- Messages to users, stored with the change that causes them and delivered afterwards. One that waits, due or leased, has no
-- `finished_at`; it alone is in the index that the lease uses, and it is in none that the removal uses.

CREATE TABLE messages (
    id          uuid             NOT NULL PRIMARY KEY,
    tenant_id   text COLLATE "C" NOT NULL,
    identity_id uuid             REFERENCES identities (id) ON DELETE CASCADE, -- null: not known, or not to be seen here
    kind        text COLLATE "C" NOT NULL, -- verification, recovery, …: the name of its template
    channel     text COLLATE "C" NOT NULL CHECK (channel IN ('mail', 'sms')),
    recipient   text COLLATE "C" NOT NULL, -- an address
    languages   text COLLATE "C" NOT NULL, -- as in Accept-Language
    data        bytea,                     -- sealed; null: delivered
    state       text COLLATE "C" NOT NULL CHECK (state IN ('due', 'leased', 'delivered', 'dead')),
    lease       uuid             CHECK ((lease IS NOT NULL) = (state = 'leased')),
    attempts    bigint           NOT NULL,
    due_at      timestamptz      NOT NULL, -- leased: when the lease ends
    error       text COLLATE "C",          -- of the last attempt
    created_at  timestamptz      NOT NULL,
    finished_at timestamptz      CHECK ((finished_at IS NOT NULL) = (state IN ('delivered', 'dead')))
);

CREATE INDEX messages_by_identity ON messages (identity_id) WHERE identity_id IS NOT NULL;
CREATE INDEX messages_by_due ON messages (channel, due_at, id) WHERE finished_at IS NULL;
CREATE INDEX messages_by_lease ON messages (lease) WHERE lease IS NOT NULL;
CREATE INDEX messages_by_tenant ON messages (tenant_id, created_at, id);
CREATE INDEX messages_by_state ON messages (state, created_at, id);
CREATE INDEX messages_by_end ON messages (finished_at) WHERE finished_at IS NOT NULL;
