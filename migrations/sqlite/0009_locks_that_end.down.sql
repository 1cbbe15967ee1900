-- locks: database RESERVED
-- Forgets when locks end: they stay until somebody lifts them.

DROP TABLE timed_locks;
