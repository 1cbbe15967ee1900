-- Forgets when locks end: they stay until somebody lifts them.

ALTER TABLE identities DROP COLUMN locked_until;
