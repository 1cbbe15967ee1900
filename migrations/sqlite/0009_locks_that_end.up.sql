-- locks: database RESERVED
-- makes: timed_locks
-- Locks that end by themselves; whoever is locked without one here is so until somebody lets them in.

CREATE TABLE timed_locks (
    identity_id  TEXT NOT NULL PRIMARY KEY REFERENCES identities (id) ON DELETE CASCADE,
    tenant_id    TEXT NOT NULL,
    locked_until INTEGER NOT NULL -- microseconds
) STRICT, WITHOUT ROWID;

CREATE INDEX timed_locks_by_end ON timed_locks (locked_until);
