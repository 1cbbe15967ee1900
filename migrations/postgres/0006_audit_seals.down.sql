-- locks: audit_seals ACCESS EXCLUSIVE
-- locks: audit_sealing ACCESS EXCLUSIVE
-- Forgets every seal: nothing proves any more that the audit trail was not changed.

DROP TABLE audit_sealing;
DROP TABLE audit_seals;
