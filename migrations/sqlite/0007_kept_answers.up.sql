-- locks: database RESERVED
-- makes: kept_answers
-- The answers to requests that operators made under a key of their own, so that the same request gets the same answer.
-- A fingerprint is an HMAC with a key that is kept sealed: it tells nobody what was asked.

CREATE TABLE kept_answers (
    tenant_id       TEXT    NOT NULL,
    operator        TEXT    NOT NULL, -- as in audit_events.actor
    idempotency_key TEXT    NOT NULL,
    request         BLOB    NOT NULL, -- its fingerprint, 32 bytes
    identity_id     TEXT    REFERENCES identities (id) ON DELETE CASCADE, -- whom the answer shows
    answer          TEXT    NOT NULL, -- JSON
    created_at      INTEGER NOT NULL, -- microseconds
    PRIMARY KEY (tenant_id, operator, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_answers_by_age ON kept_answers (created_at);
CREATE INDEX kept_answers_by_identity ON kept_answers (identity_id) WHERE identity_id IS NOT NULL;
