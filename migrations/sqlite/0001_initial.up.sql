-- locks: database RESERVED
-- makes: audit_events, credentials, identifiers, identities, refresh_tokens, sessions, tenants
-- Tenants, identities, what they log in with, their sessions, and the audit trail.
--
-- Times are whole microseconds since 1970-01-01 UTC: datetime(created_at / 1000000, 'unixepoch') reads them.
-- Ids are UUIDv7 in their hyphenated text form; hashes are SHA-256; JSON is text; booleans are 0 or 1.

CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY, -- 1 to 63 of a-z 0-9 - _
    active     INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    created_at INTEGER NOT NULL              -- microseconds; 0: came with the schema
) STRICT, WITHOUT ROWID;

INSERT INTO tenants (id, active, created_at) VALUES ('default', 1, 0);

CREATE TABLE identities (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant_id     TEXT    NOT NULL REFERENCES tenants (id),
    traits        TEXT    NOT NULL, -- JSON object
    state         TEXT    NOT NULL CHECK (state IN ('active', 'inactive', 'locked', 'pending')),
    verified      TEXT    NOT NULL, -- JSON array of addresses
    roles         TEXT    NOT NULL, -- JSON array of role names
    created_at    INTEGER NOT NULL, -- microseconds
    updated_at    INTEGER NOT NULL, -- microseconds; traits, state or roles
    last_login_at INTEGER,          -- microseconds; null: never
    version       INTEGER NOT NULL  -- counts changes, from 1
) STRICT;

-- Lists are newest first within a tenant; with the state in it, they are counted without a look at the rows.
CREATE INDEX identities_by_age ON identities (tenant_id, created_at, id, state);

CREATE TABLE identifiers (
    tenant_id   TEXT NOT NULL,
    value       TEXT NOT NULL, -- canonical: equal identifiers have equal bytes
    identity_id TEXT NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    field       TEXT NOT NULL, -- the trait it was read from
    PRIMARY KEY (tenant_id, value)
) STRICT, WITHOUT ROWID;

CREATE INDEX identifiers_by_identity ON identifiers (identity_id);

CREATE TABLE credentials (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant_id    TEXT    NOT NULL,
    identity_id  TEXT    NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    kind         TEXT    NOT NULL,            -- password
    subject      TEXT    NOT NULL DEFAULT '', -- tells several of a kind apart
    secret       TEXT    NOT NULL,            -- password: PHC or modular crypt form
    created_at   INTEGER NOT NULL,            -- microseconds
    updated_at   INTEGER NOT NULL,            -- microseconds; the secret
    last_used_at INTEGER,                     -- microseconds; null: never
    version      INTEGER NOT NULL,            -- counts changes of the secret, from 1
    -- identity_id comes first so that removing an identity finds its credentials here
    UNIQUE (identity_id, tenant_id, kind, subject)
) STRICT;

CREATE TABLE sessions (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant_id    TEXT    NOT NULL,
    identity_id  TEXT    NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    token_hash   BLOB    NOT NULL, -- 32 bytes; of the present access token
    active       INTEGER NOT NULL CHECK (active IN (0, 1)), -- 0: revoked, access and refresh
    aal          TEXT    NOT NULL CHECK (aal IN ('aal1', 'aal2', 'aal3')),
    methods      TEXT    NOT NULL, -- JSON array of {method, completed_at}
    issued_at    INTEGER NOT NULL, -- microseconds
    expires_at   INTEGER NOT NULL, -- microseconds; of the present access token
    ends_at      INTEGER NOT NULL, -- microseconds; no refresh goes past it
    last_seen_at INTEGER NOT NULL, -- microseconds
    ip_address   TEXT,
    user_agent   TEXT              -- at most 512 bytes
) STRICT;

CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash);
CREATE INDEX sessions_by_identity ON sessions (identity_id, issued_at);

CREATE TABLE refresh_tokens (
    hash             BLOB    NOT NULL PRIMARY KEY, -- 32 bytes
    tenant_id        TEXT    NOT NULL,
    session_id       TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at        INTEGER NOT NULL, -- microseconds
    expires_at       INTEGER NOT NULL, -- microseconds
    spent_at         INTEGER,          -- microseconds; null: unspent
    spent_salt       BLOB,             -- 32 bytes; its successor was derived with it
    spent_ip_address TEXT,
    spent_user_agent TEXT              -- at most 512 bytes
) STRICT;

CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

-- No foreign keys: what happened outlives whom it happened to.
CREATE TABLE audit_events (
    id         TEXT    NOT NULL,
    tenant_id  TEXT    NOT NULL,
    type       TEXT    NOT NULL, -- as in auth.login.failure
    status     TEXT    NOT NULL, -- success or failure
    actor      TEXT,             -- who did it
    subject    TEXT,             -- to whom it was done
    message    TEXT    NOT NULL,
    metadata   TEXT    NOT NULL, -- JSON object
    ip_address TEXT,
    user_agent TEXT,             -- at most 512 bytes
    session_id TEXT,
    resource   TEXT,
    old_value  TEXT,             -- JSON
    new_value  TEXT,             -- JSON
    risk_score INTEGER NOT NULL CHECK (risk_score BETWEEN 0 AND 100),
    request_id TEXT,
    created_at INTEGER NOT NULL, -- microseconds
    PRIMARY KEY (created_at, id)
) STRICT;

CREATE INDEX audit_events_by_tenant ON audit_events (tenant_id, created_at);
CREATE INDEX audit_events_by_subject ON audit_events (tenant_id, subject, created_at) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_by_actor ON audit_events (tenant_id, actor, created_at) WHERE actor IS NOT NULL;
