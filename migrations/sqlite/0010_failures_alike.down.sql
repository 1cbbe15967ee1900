-- locks: database RESERVED
-- reads: audit_events
CREATE INDEX audit_events_of_subject ON audit_events (subject, created_at) WHERE subject IS NOT NULL;
DROP INDEX audit_events_of_any_subject;
