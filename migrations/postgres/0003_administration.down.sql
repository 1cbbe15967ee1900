-- locks: identities ACCESS EXCLUSIVE
-- locks: identity_roles ACCESS EXCLUSIVE
-- locks: roles ACCESS EXCLUSIVE
-- locks: sessions ACCESS EXCLUSIVE
-- locks: tenants ACCESS EXCLUSIVE
-- Forgets what tenants set for themselves, and the roles they have defined; who has which stays in identities.roles.

DROP INDEX sessions_by_tenant;
DROP TABLE identity_roles;
DROP TABLE roles;
ALTER TABLE tenants
    DROP COLUMN roles_version,
    DROP COLUMN version,
    DROP COLUMN updated_at,
    DROP COLUMN settings,
    DROP COLUMN name;
