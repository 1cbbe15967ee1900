-- locks: audit_events ACCESS EXCLUSIVE
-- reads: audit_events
CREATE INDEX audit_events_by_subject ON audit_events (tenant_id, subject, created_at) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_by_actor ON audit_events (tenant_id, actor, created_at) WHERE actor IS NOT NULL;
DROP INDEX audit_events_of_subject;
DROP INDEX audit_events_of_actor;
DROP FUNCTION drop_audit_partitions(timestamptz);
