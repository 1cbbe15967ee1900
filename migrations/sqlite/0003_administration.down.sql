-- locks: database RESERVED
-- writes: tenants
-- Forgets what tenants set for themselves, and the roles they have defined; who has which stays in identities.roles.

DROP INDEX sessions_by_tenant;
DROP TABLE identity_roles;
DROP TABLE roles;
ALTER TABLE tenants DROP COLUMN roles_version;
ALTER TABLE tenants DROP COLUMN version;
ALTER TABLE tenants DROP COLUMN updated_at;
ALTER TABLE tenants DROP COLUMN settings;
ALTER TABLE tenants DROP COLUMN name;
