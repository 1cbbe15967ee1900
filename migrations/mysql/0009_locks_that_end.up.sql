-- When a state ends by itself; null: when somebody sets another one.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name = 'identities' AND column_name = 'locked_until'),
    'DO 0', 'ALTER TABLE identities ADD COLUMN locked_until datetime(6), ADD INDEX identities_by_lock (locked_until)');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
