-- locks: identities EXCLUSIVE
-- locks: sessions INPLACE
-- reads: sessions
-- makes: attempts, known_networks
-- Wrong guesses, and where each identity has logged in from: guesses from there are counted apart.

-- No foreign key to identities: guesses at accounts that there are not are counted as well.
CREATE TABLE IF NOT EXISTS attempts (
    tenant_id       varchar(63)  NOT NULL,
    identifier_hash binary(32)   NOT NULL, -- of the canonical identifier
    network         varchar(255) NOT NULL, -- an address, or an IPv6 /64; empty: everywhere else
    failures        bigint       NOT NULL,
    last_at         datetime(6)  NOT NULL,
    PRIMARY KEY (tenant_id, identifier_hash, network),
    INDEX attempts_by_age (last_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS known_networks (
    identity_id   char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    network       varchar(255) NOT NULL, -- an address, or an IPv6 /64
    tenant_id     varchar(63)  NOT NULL,
    last_login_at datetime(6)  NOT NULL,
    PRIMARY KEY (identity_id, network),
    INDEX known_networks_by_age (last_login_at),
    CONSTRAINT known_networks_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;

-- MariaDB knows IF NOT EXISTS here and MySQL does not, and this step may be run again on either.
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'sessions' AND index_name = 'sessions_by_end'),
    'DO 0', 'CREATE INDEX sessions_by_end ON sessions (ends_at)');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
