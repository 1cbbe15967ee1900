-- locks: audit_events INPLACE
-- reads: audit_events
-- This step may be run again.
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND index_name = 'audit_events_by_subject'),
    'DO 0', 'CREATE INDEX audit_events_by_subject ON audit_events (tenant_id, subject, created_at)');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND index_name = 'audit_events_by_actor'),
    'DO 0', 'CREATE INDEX audit_events_by_actor ON audit_events (tenant_id, actor, created_at)');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND index_name = 'audit_events_of_subject'),
    'DROP INDEX audit_events_of_subject ON audit_events', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
SET @kayan_step = IF(
    EXISTS (SELECT 1 FROM information_schema.statistics
            WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND index_name = 'audit_events_of_actor'),
    'DROP INDEX audit_events_of_actor ON audit_events', 'DO 0');
PREPARE kayan_step FROM @kayan_step;
EXECUTE kayan_step;
DEALLOCATE PREPARE kayan_step;
