-- locks: database RESERVED
-- reads: tenants
-- writes: sessions, tenants
-- Ends the sessions of bygone epochs one by one; with millions of them, this takes a while.

UPDATE sessions SET active = false
WHERE active AND epoch <> (SELECT t.sessions_epoch FROM tenants t WHERE t.id = sessions.tenant_id);
ALTER TABLE sessions DROP COLUMN epoch;
ALTER TABLE tenants DROP COLUMN sessions_epoch;
