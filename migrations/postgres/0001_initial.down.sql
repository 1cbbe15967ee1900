-- locks: audit_events ACCESS EXCLUSIVE
-- locks: credentials ACCESS EXCLUSIVE
-- locks: identifiers ACCESS EXCLUSIVE
-- locks: identities ACCESS EXCLUSIVE
-- locks: refresh_tokens ACCESS EXCLUSIVE
-- locks: sessions ACCESS EXCLUSIVE
-- locks: tenants ACCESS EXCLUSIVE
-- Removes everything, the audit trail included.

DROP TABLE audit_events; -- with its partitions
DROP FUNCTION make_audit_partitions(integer);
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE credentials;
DROP TABLE identifiers;
DROP TABLE identities;
DROP TABLE tenants;
