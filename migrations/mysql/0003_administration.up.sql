-- locks: identities EXCLUSIVE
-- locks: sessions INPLACE
-- locks: tenants INSTANT
-- locks: tenants ROWS
-- reads: identities, sessions
-- writes: tenants
-- makes: identity_roles, roles
-- What tenants set for themselves, roles, and who has which.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'tenants' AND column_name = 'roles_version'),
    'DO 0', 'ALTER TABLE tenants
        ADD COLUMN name          varchar(255) NOT NULL DEFAULT \'\',  -- for people
        ADD COLUMN settings      longtext,                            -- JSON object; null: as the service has them
        ADD COLUMN updated_at    datetime(6)  NOT NULL DEFAULT \'1970-01-01 00:00:00\',
        ADD COLUMN version       bigint       NOT NULL DEFAULT 1,     -- counts changes, from 1
        ADD COLUMN roles_version bigint       NOT NULL DEFAULT 1      -- counts changes of its roles, from 1');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
UPDATE tenants SET updated_at = created_at WHERE version = 1;

-- The built-in roles are in the program.
CREATE TABLE IF NOT EXISTS roles (
    tenant_id   varchar(63) NOT NULL,
    name        varchar(63) NOT NULL, -- 1 to 63 of a-z 0-9 - _
    description text        NOT NULL,
    permissions longtext    NOT NULL, -- JSON array of patterns
    parents     longtext    NOT NULL, -- JSON array of names
    created_at  datetime(6) NOT NULL,
    updated_at  datetime(6) NOT NULL,
    version     bigint      NOT NULL, -- counts changes, from 1
    PRIMARY KEY (tenant_id, name),
    CONSTRAINT roles_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

-- The same as identities.roles, to be found from the other end.
CREATE TABLE IF NOT EXISTS identity_roles (
    tenant_id   varchar(63) NOT NULL,
    role        varchar(63) NOT NULL,
    identity_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (tenant_id, role, identity_id),
    INDEX identity_roles_by_identity (identity_id),
    CONSTRAINT identity_roles_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

INSERT IGNORE INTO identity_roles (tenant_id, role, identity_id)
SELECT i.tenant_id, r.role, i.id
FROM identities i,
     JSON_TABLE(i.roles, '$[*]' COLUMNS (role varchar(63) CHARACTER SET utf8mb4 PATH '$')) r;

-- Sessions are listed newest first; their ids sort by time.
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'sessions' AND index_name = 'sessions_by_tenant'),
    'DO 0', 'CREATE INDEX sessions_by_tenant ON sessions (tenant_id, id)');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
