-- locks: audit_seals EXCLUSIVE
-- locks: audit_sealing EXCLUSIVE
-- Forgets every seal: nothing proves any more that the audit trail was not changed.

DROP TABLE IF EXISTS audit_sealing;
DROP TABLE IF EXISTS audit_seals;
