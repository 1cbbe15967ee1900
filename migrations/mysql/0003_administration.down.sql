-- locks: identity_roles EXCLUSIVE
-- locks: roles EXCLUSIVE
-- locks: sessions INPLACE
-- locks: tenants INPLACE
-- writes: tenants
-- Forgets what tenants set for themselves, and the roles they have defined; who has which stays in identities.roles.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'sessions' AND index_name = 'sessions_by_tenant'),
    'DROP INDEX sessions_by_tenant ON sessions', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
DROP TABLE IF EXISTS identity_roles;
DROP TABLE IF EXISTS roles;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'tenants' AND column_name = 'roles_version'),
    'ALTER TABLE tenants
        DROP COLUMN name, DROP COLUMN settings, DROP COLUMN updated_at, DROP COLUMN version, DROP COLUMN roles_version',
    'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
