-- Forgets when locks end: they stay until somebody lifts them.

DROP INDEX identities_by_lock;
ALTER TABLE identities DROP COLUMN locked_until;
