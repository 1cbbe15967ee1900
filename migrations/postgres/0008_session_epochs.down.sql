-- locks: sessions ACCESS EXCLUSIVE
-- locks: tenants ACCESS EXCLUSIVE
-- reads: sessions, tenants
-- writes: sessions
-- Ends the sessions of bygone epochs one by one; with millions of them, this takes a while.

-- Nobody ends sessions between this and the end of the step.
LOCK TABLE tenants IN SHARE ROW EXCLUSIVE MODE;
UPDATE sessions SET active = false
FROM tenants t
WHERE t.id = sessions.tenant_id AND sessions.active AND sessions.epoch <> t.sessions_epoch;
ALTER TABLE sessions DROP COLUMN epoch;
ALTER TABLE tenants DROP COLUMN sessions_epoch;
