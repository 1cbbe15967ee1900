-- locks: sessions INSTANT
-- locks: tenants INSTANT
-- Ends all sessions of a tenant in one row: a session is over as soon as its tenant's epoch is another one than its own,
-- which is its tenant's when the login began. Epochs are drawn; 0 is the first.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'tenants' AND column_name = 'sessions_epoch'),
    'DO 0', 'ALTER TABLE tenants ADD COLUMN sessions_epoch bigint NOT NULL DEFAULT 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'sessions' AND column_name = 'epoch'),
    'DO 0', 'ALTER TABLE sessions ADD COLUMN epoch bigint NOT NULL DEFAULT 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
