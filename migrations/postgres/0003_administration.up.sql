-- locks: identities SHARE ROW EXCLUSIVE
-- locks: sessions SHARE
-- locks: tenants ACCESS EXCLUSIVE
-- reads: identities, sessions
-- writes: tenants
-- makes: identity_roles, roles
-- What tenants set for themselves, roles, and who has which.

ALTER TABLE tenants
    ADD COLUMN name          text COLLATE "C" NOT NULL DEFAULT '', -- for people
    ADD COLUMN settings      json,                                 -- object; null: as the service has them
    ADD COLUMN updated_at    timestamptz      NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    ADD COLUMN version       bigint           NOT NULL DEFAULT 1,  -- counts changes, from 1
    ADD COLUMN roles_version bigint           NOT NULL DEFAULT 1;  -- counts changes of its roles, from 1
UPDATE tenants SET updated_at = created_at;

-- The built-in roles are in the program.
CREATE TABLE roles (
    tenant_id   text COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name        text COLLATE "C" NOT NULL, -- 1 to 63 of a-z 0-9 - _
    description text COLLATE "C" NOT NULL,
    permissions json             NOT NULL, -- array of patterns
    parents     json             NOT NULL, -- array of names
    created_at  timestamptz      NOT NULL,
    updated_at  timestamptz      NOT NULL,
    version     bigint           NOT NULL, -- counts changes, from 1
    PRIMARY KEY (tenant_id, name)
);

-- The same as identities.roles, to be found from the other end.
CREATE TABLE identity_roles (
    tenant_id   text COLLATE "C" NOT NULL,
    role        text COLLATE "C" NOT NULL,
    identity_id uuid             NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant_id, role, identity_id)
);

CREATE INDEX identity_roles_by_identity ON identity_roles (identity_id);

INSERT INTO identity_roles (tenant_id, role, identity_id)
SELECT DISTINCT i.tenant_id, r.value, i.id
FROM identities i, json_array_elements_text(i.roles) r (value);

-- Sessions are listed newest first; their ids sort by time.
CREATE INDEX sessions_by_tenant ON sessions (tenant_id, id);
