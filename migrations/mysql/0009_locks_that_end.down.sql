-- locks: timed_locks EXCLUSIVE
-- Forgets when locks end: they stay until somebody lifts them.

DROP TABLE IF EXISTS timed_locks;
