-- locks: identities EXCLUSIVE
-- makes: timed_locks
-- Locks that end by themselves; whoever is locked without one here is so until somebody lets them in.

CREATE TABLE IF NOT EXISTS timed_locks (
    identity_id  char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    tenant_id    varchar(63) NOT NULL,
    locked_until datetime(6) NOT NULL,
    INDEX timed_locks_by_end (locked_until),
    CONSTRAINT timed_locks_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;
