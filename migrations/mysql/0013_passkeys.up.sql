-- locks: credentials INPLACE
-- locks: one_time_tokens INPLACE
-- reads: credentials, one_time_tokens
-- writes: one_time_tokens
-- Passkeys are credentials. `data` is what never changes of one; what is searched by, or changes, has a column of its own.
-- One-time tokens need no identity: a passkey ceremony may begin before it is known who logs in.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'credentials' AND column_name = 'lookup'),
    'DO 0', 'ALTER TABLE credentials
        ADD COLUMN data          text,                           -- webauthn: JSON object; null: none
        ADD COLUMN lookup        binary(32),                     -- webauthn: SHA-256 of the credential id; null: none
        ADD COLUMN user_verified boolean NOT NULL DEFAULT FALSE, -- webauthn: when it was registered
        ADD COLUMN backed_up     boolean NOT NULL DEFAULT FALSE  -- webauthn: when it was last used');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'credentials' AND index_name = 'credentials_by_lookup'),
    'DO 0', 'CREATE UNIQUE INDEX credentials_by_lookup ON credentials (tenant_id, lookup)');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;

ALTER TABLE one_time_tokens MODIFY COLUMN identity_id char(36) CHARACTER SET ascii COLLATE ascii_bin NULL;
