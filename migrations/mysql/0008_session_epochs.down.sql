-- locks: sessions INPLACE
-- locks: sessions ROWS
-- locks: tenants INPLACE
-- reads: tenants
-- writes: sessions, tenants
-- Ends the sessions of bygone epochs one by one; with millions of them, this takes a while. Stop the service
-- first: what is ended meanwhile would live on.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'sessions' AND column_name = 'epoch'),
    'UPDATE sessions s JOIN tenants t ON t.id = s.tenant_id SET s.active = FALSE
        WHERE s.active AND s.epoch <> t.sessions_epoch', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'sessions' AND column_name = 'epoch'),
    'ALTER TABLE sessions DROP COLUMN epoch', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'tenants' AND column_name = 'sessions_epoch'),
    'ALTER TABLE tenants DROP COLUMN sessions_epoch', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
