-- locks: database RESERVED
-- reads: identities, sessions
-- writes: tenants
-- makes: identity_roles, roles
-- What tenants set for themselves, roles, and who has which.

ALTER TABLE tenants ADD COLUMN name TEXT NOT NULL DEFAULT '';           -- for people
ALTER TABLE tenants ADD COLUMN settings TEXT;                           -- JSON object; null: as the service has them
ALTER TABLE tenants ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;   -- microseconds
ALTER TABLE tenants ADD COLUMN version INTEGER NOT NULL DEFAULT 1;      -- counts changes, from 1
ALTER TABLE tenants ADD COLUMN roles_version INTEGER NOT NULL DEFAULT 1; -- counts changes of its roles, from 1
UPDATE tenants SET updated_at = created_at;

-- The built-in roles are in the program.
CREATE TABLE roles (
    tenant_id   TEXT    NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL, -- 1 to 63 of a-z 0-9 - _
    description TEXT    NOT NULL,
    permissions TEXT    NOT NULL, -- JSON array of patterns
    parents     TEXT    NOT NULL, -- JSON array of names
    created_at  INTEGER NOT NULL, -- microseconds
    updated_at  INTEGER NOT NULL, -- microseconds
    version     INTEGER NOT NULL, -- counts changes, from 1
    PRIMARY KEY (tenant_id, name)
) STRICT, WITHOUT ROWID;

-- The same as identities.roles, to be found from the other end.
CREATE TABLE identity_roles (
    tenant_id   TEXT NOT NULL,
    role        TEXT NOT NULL,
    identity_id TEXT NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant_id, role, identity_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX identity_roles_by_identity ON identity_roles (identity_id);

INSERT INTO identity_roles (tenant_id, role, identity_id)
SELECT DISTINCT i.tenant_id, r.value, i.id
FROM identities i, json_each(i.roles) r;

-- Sessions are listed newest first; their ids sort by time.
CREATE INDEX sessions_by_tenant ON sessions (tenant_id, id);
