-- locks: attempts EXCLUSIVE
-- locks: known_networks EXCLUSIVE
-- locks: sessions INPLACE
-- Forgets every wrong guess and every known network.

SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'sessions' AND index_name = 'sessions_by_end'),
    'DROP INDEX sessions_by_end ON sessions', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
DROP TABLE IF EXISTS known_networks;
DROP TABLE IF EXISTS attempts;
