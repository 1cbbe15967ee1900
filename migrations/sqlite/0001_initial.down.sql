-- locks: database RESERVED
-- Removes everything, the audit trail included.

DROP TABLE audit_events;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE credentials;
DROP TABLE identifiers;
DROP TABLE identities;
DROP TABLE tenants;
