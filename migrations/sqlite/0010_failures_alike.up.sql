-- locks: database RESERVED
-- reads: audit_events
-- A failed login at an account that there is took longer than one at an account that there is not, because only its event
-- had an entry in this index: now every event has one.

CREATE INDEX audit_events_of_any_subject ON audit_events (subject, created_at);
DROP INDEX audit_events_of_subject;
