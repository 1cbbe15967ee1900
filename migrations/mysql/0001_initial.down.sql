-- locks: audit_events EXCLUSIVE
-- locks: credentials EXCLUSIVE
-- locks: identifiers EXCLUSIVE
-- locks: identities EXCLUSIVE
-- locks: refresh_tokens EXCLUSIVE
-- locks: sessions EXCLUSIVE
-- locks: tenants EXCLUSIVE
-- Removes everything, the audit trail included.

DROP TABLE IF EXISTS audit_events;
DROP TABLE IF EXISTS refresh_tokens;
DROP TABLE IF EXISTS sessions;
DROP TABLE IF EXISTS credentials;
DROP TABLE IF EXISTS identifiers;
DROP TABLE IF EXISTS identities;
DROP TABLE IF EXISTS tenants;
