-- locks: identities EXCLUSIVE
-- makes: kept_answers
-- The answers to requests that operators made under a key of their own, so that the same request gets the same answer.
-- A fingerprint is an HMAC with a key that is kept sealed: it tells nobody what was asked.

CREATE TABLE IF NOT EXISTS kept_answers (
    tenant_id       varchar(63)  NOT NULL,
    operator        varchar(255) NOT NULL, -- as in audit_events.actor
    idempotency_key varchar(255) NOT NULL,
    request         binary(32)   NOT NULL, -- its fingerprint
    identity_id     char(36) CHARACTER SET ascii COLLATE ascii_bin, -- whom the answer shows
    answer          mediumtext   NOT NULL, -- JSON
    created_at      datetime(6)  NOT NULL,
    PRIMARY KEY (tenant_id, operator, idempotency_key),
    INDEX kept_answers_by_age (created_at),
    INDEX kept_answers_by_identity (identity_id),
    CONSTRAINT kept_answers_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;
