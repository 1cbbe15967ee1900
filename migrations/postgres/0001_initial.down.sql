-- Removes everything, the audit trail included.

DROP TABLE audit_events; -- with its partitions
DROP FUNCTION make_audit_partitions(integer);
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE credentials;
DROP TABLE identifiers;
DROP TABLE identities;
DROP TABLE tenants;
