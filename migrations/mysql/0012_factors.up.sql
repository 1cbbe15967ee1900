-- locks: credentials INSTANT
-- locks: identities EXCLUSIVE
-- makes: one_time_tokens
-- Factors besides the password are credentials: an authenticator app, whose secret is sealed, and recovery codes, of which
-- only hashes are kept. One-time tokens are kept as hashes, too.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'credentials' AND column_name = 'counter'),
    'DO 0', 'ALTER TABLE credentials
        ADD COLUMN name    varchar(255) NOT NULL DEFAULT \'\', -- for people
        ADD COLUMN counter bigint       NOT NULL DEFAULT 0     -- totp: the last time step that was used');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;

CREATE TABLE IF NOT EXISTS one_time_tokens (
    hash        binary(32)   NOT NULL PRIMARY KEY,
    tenant_id   varchar(63)  NOT NULL,
    purpose     varchar(32)  NOT NULL, -- mfa
    identity_id char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    data        text         NOT NULL, -- JSON
    tries       bigint       NOT NULL, -- how many wrong ones are left
    created_at  datetime(6)  NOT NULL,
    expires_at  datetime(6)  NOT NULL,
    INDEX one_time_tokens_by_identity (identity_id),
    INDEX one_time_tokens_by_end (expires_at),
    CONSTRAINT one_time_tokens_identity FOREIGN KEY (identity_id) REFERENCES identities (id) ON DELETE CASCADE
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 /*M! COLLATE utf8mb4_nopad_bin */ /*!50700 COLLATE utf8mb4_0900_bin */;
