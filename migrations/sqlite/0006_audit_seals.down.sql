-- locks: database RESERVED
-- Forgets every seal: nothing proves any more that the audit trail was not changed.

DROP TABLE audit_sealing;
DROP TABLE audit_seals;
