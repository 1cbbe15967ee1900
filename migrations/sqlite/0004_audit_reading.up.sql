-- locks: database RESERVED
-- reads: audit_events
-- An identity's events are found in one tenant and in the whole system alike, in the order in which they are read.
CREATE INDEX audit_events_of_subject ON audit_events (subject, created_at) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_of_actor ON audit_events (actor, created_at) WHERE actor IS NOT NULL;
DROP INDEX audit_events_by_subject;
DROP INDEX audit_events_by_actor;
