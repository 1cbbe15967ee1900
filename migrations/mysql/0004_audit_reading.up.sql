-- locks: audit_events INPLACE
-- reads: audit_events
-- An identity's events are found in one tenant and in the whole system alike, in the order in which they are read.

-- MariaDB knows IF EXISTS here and MySQL does not, and this step may be run again on either.
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND index_name = 'audit_events_of_subject'),
    'DO 0', 'CREATE INDEX audit_events_of_subject ON audit_events (subject, created_at)');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND index_name = 'audit_events_of_actor'),
    'DO 0', 'CREATE INDEX audit_events_of_actor ON audit_events (actor, created_at)');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND index_name = 'audit_events_by_subject'),
    'DROP INDEX audit_events_by_subject ON audit_events', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND index_name = 'audit_events_by_actor'),
    'DROP INDEX audit_events_by_actor ON audit_events', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
