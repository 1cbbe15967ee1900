-- Forgets when locks end: they stay until somebody lifts them.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'identities' AND column_name = 'locked_until'),
    'ALTER TABLE identities DROP INDEX identities_by_lock, DROP COLUMN locked_until', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
