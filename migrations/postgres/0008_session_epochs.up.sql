-- locks: sessions ACCESS EXCLUSIVE
-- locks: tenants ACCESS EXCLUSIVE
-- Ends all sessions of a tenant in one row: a session is over as soon as its tenant's epoch is another one than its own.

ALTER TABLE tenants ADD COLUMN sessions_epoch bigint NOT NULL DEFAULT 0; -- drawn anew each time; 0: never
ALTER TABLE sessions ADD COLUMN epoch bigint NOT NULL DEFAULT 0; -- its tenant's when the login began
