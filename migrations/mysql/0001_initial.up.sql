-- locks: nothing
-- makes: audit_events, credentials, identifiers, identities, refresh_tokens, sessions, tenants
-- Tenants, identities, what they log in with, their sessions, and the audit trail.
--
-- Every statement may be run again: this database commits each change of the schema by itself, so a step that fails in
-- the middle is mended and repeated. Texts are compared by their bytes, trailing blanks included: the marked comments
-- name the collation that does so, the first on MariaDB, the second on MySQL, which refuses it before 8.0.17. Times are
-- UTC. Ids are UUIDv7 in their hyphenated text form; hashes are SHA-256. JSON is kept as text, because the json types put
-- it in another order, round its numbers and refuse to nest deeply.

CREATE TABLE IF NOT EXISTS tenants (
    id         varchar(63) NOT NULL PRIMARY KEY, -- 1 to 63 of a-z 0-9 - _
    active     boolean     NOT NULL DEFAULT TRUE,
    created_at datetime(6) NOT NULL              -- 1970: came with the schema
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

INSERT INTO tenants (id, active, created_at) VALUES ('default', TRUE, '1970-01-01 00:00:00')
ON DUPLICATE KEY UPDATE active = active;

CREATE TABLE IF NOT EXISTS identities (
    id            char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    tenant_id     varchar(63) NOT NULL,
    traits        longtext    NOT NULL, -- JSON object
    state         varchar(16) NOT NULL CHECK (state IN ('active', 'inactive', 'locked', 'pending')),
    verified      longtext    NOT NULL, -- JSON array of addresses
    roles         longtext    NOT NULL, -- JSON array of role names
    created_at    datetime(6) NOT NULL,
    updated_at    datetime(6) NOT NULL, -- traits, state or roles
    last_login_at datetime(6),          -- null: never
    version       bigint      NOT NULL, -- counts changes, from 1
    -- Lists are newest first within a tenant; with the state in it, they are counted without a look at the rows.
    INDEX identities_by_age (tenant_id, created_at, id, state),
    CONSTRAINT identities_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS identifiers (
    tenant_id   varchar(63)  NOT NULL,
    value       varchar(254) NOT NULL, -- canonical: equal identifiers have equal bytes
    identity_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    field       text         NOT NULL, -- the trait it was read from
    PRIMARY KEY (tenant_id, value),
    INDEX identifiers_by_identity (identity_id),
    CONSTRAINT identifiers_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS credentials (
    id           char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    tenant_id    varchar(63)  NOT NULL,
    identity_id  char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind         varchar(32)  NOT NULL,            -- password
    subject      varchar(255) NOT NULL DEFAULT '', -- tells several of a kind apart
    secret       text         NOT NULL,            -- password: PHC or modular crypt form
    created_at   datetime(6)  NOT NULL,
    updated_at   datetime(6)  NOT NULL,            -- the secret
    last_used_at datetime(6),                      -- null: never
    version      bigint       NOT NULL,            -- counts changes of the secret, from 1
    -- identity_id comes first so that removing an identity finds its credentials here
    UNIQUE INDEX credentials_by_identity (identity_id, tenant_id, kind, subject),
    CONSTRAINT credentials_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS sessions (
    id           char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    tenant_id    varchar(63)   NOT NULL,
    identity_id  char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    token_hash   binary(32)    NOT NULL, -- of the present access token
    active       boolean       NOT NULL, -- false: revoked, access and refresh
    aal          varchar(8)    NOT NULL CHECK (aal IN ('aal1', 'aal2', 'aal3')),
    methods      longtext      NOT NULL, -- JSON array of {method, completed_at}
    issued_at    datetime(6)   NOT NULL,
    expires_at   datetime(6)   NOT NULL, -- of the present access token
    ends_at      datetime(6)   NOT NULL, -- no refresh goes past it
    last_seen_at datetime(6)   NOT NULL,
    ip_address   varchar(255),
    user_agent   varchar(512),           -- at most 512 bytes
    UNIQUE INDEX sessions_by_token (token_hash),
    INDEX sessions_by_identity (identity_id, issued_at),
    CONSTRAINT sessions_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS refresh_tokens (
    hash             binary(32)  NOT NULL PRIMARY KEY,
    tenant_id        varchar(63) NOT NULL,
    session_id       char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    issued_at        datetime(6) NOT NULL,
    expires_at       datetime(6) NOT NULL,
    spent_at         datetime(6),          -- null: unspent
    spent_salt       binary(32),           -- its successor was derived with it
    spent_ip_address varchar(255),
    spent_user_agent varchar(512),         -- at most 512 bytes
    INDEX refresh_tokens_by_session (session_id),
    CONSTRAINT refresh_tokens_session FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

-- No foreign keys: what happened outlives whom it happened to.
CREATE TABLE IF NOT EXISTS audit_events (
    id         char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    tenant_id  varchar(63)  NOT NULL,
    type       varchar(64)  NOT NULL, -- as in auth.login.failure
    status     varchar(16)  NOT NULL, -- success or failure
    actor      varchar(512),          -- who did it
    subject    varchar(512),          -- to whom it was done
    message    text         NOT NULL,
    metadata   longtext     NOT NULL, -- JSON object
    ip_address varchar(255),
    user_agent varchar(512),          -- at most 512 bytes
    session_id char(36) CHARACTER SET ascii COLLATE ascii_bin,
    resource   text,
    old_value  longtext,              -- JSON
    new_value  longtext,              -- JSON
    risk_score tinyint      NOT NULL CHECK (risk_score BETWEEN 0 AND 100),
    request_id text,
    created_at datetime(6)  NOT NULL,
    PRIMARY KEY (created_at, id),
    INDEX audit_events_by_tenant (tenant_id, created_at),
    INDEX audit_events_by_subject (tenant_id, subject, created_at),
    INDEX audit_events_by_actor (tenant_id, actor, created_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;
