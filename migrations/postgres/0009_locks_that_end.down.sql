-- locks: identities ACCESS EXCLUSIVE
-- locks: timed_locks ACCESS EXCLUSIVE
-- Forgets when locks end: they stay until somebody lifts them.

DROP TABLE timed_locks;
