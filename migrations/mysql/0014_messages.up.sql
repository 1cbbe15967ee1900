-- locks: identities EXCLUSIVE
-- makes: messages
-- Messages to users, stored with the change that causes them and delivered afterwards. One that waits, due or leased, has no
-- `finished_at`: the lease finds it in `messages_by_due`, whose rows without an end are in the order in which they are due.

CREATE TABLE IF NOT EXISTS messages (
    id          char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    tenant_id   varchar(63)  NOT NULL,
    identity_id char(36) CHARACTER SET ascii COLLATE ascii_bin, -- null: not known, or not to be seen here
    kind        varchar(32)  NOT NULL, -- verification, recovery, …: the name of its template
    channel     varchar(8)   NOT NULL CHECK (channel IN ('mail', 'sms')),
    recipient   varchar(320) NOT NULL, -- an address
    languages   varchar(128) NOT NULL, -- as in Accept-Language
    data        blob,                  -- sealed; null: delivered
    state       varchar(16)  NOT NULL CHECK (state IN ('due', 'leased', 'delivered', 'dead')),
    lease       char(36) CHARACTER SET ascii COLLATE ascii_bin,
    attempts    bigint       NOT NULL,
    due_at      datetime(6)  NOT NULL, -- leased: when the lease ends
    error       varchar(512),          -- of the last attempt
    created_at  datetime(6)  NOT NULL,
    finished_at datetime(6),
    INDEX messages_by_identity (identity_id),
    INDEX messages_by_end (finished_at),
    INDEX messages_by_due (channel, finished_at, due_at, id),
    INDEX messages_by_lease (lease),
    INDEX messages_by_tenant (tenant_id, created_at, id),
    INDEX messages_by_state (state, created_at, id),
    CONSTRAINT messages_lease CHECK ((lease IS NOT NULL) = (state = 'leased')),
    CONSTRAINT messages_end CHECK ((finished_at IS NOT NULL) = (state IN ('delivered', 'dead'))),
    CONSTRAINT messages_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;
