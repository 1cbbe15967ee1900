-- Maintenance of Kayan on PostgreSQL: psql --file=maintenance.postgres.sql, outside of a transaction. The server's
-- autovacuum does the same by itself; run this after large imports, purges and restores.

-- audit_events includes its partitions.
VACUUM ANALYZE identities;
VACUUM ANALYZE sessions;
VACUUM ANALYZE audit_events;

-- How large the tables are.
SELECT relname, pg_size_pretty(pg_total_relation_size(relid))
FROM pg_stat_user_tables
ORDER BY pg_total_relation_size(relid) DESC;

-- If a table has many dead rows, autovacuum does not keep up.
SELECT relname, n_live_tup, n_dead_tup, last_autovacuum, last_autoanalyze
FROM pg_stat_user_tables
WHERE n_dead_tup > 1000
ORDER BY n_dead_tup DESC;

-- The audit trail's partitions. The service creates those of the months ahead; audit_events_default should stay empty.
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS holds, pg_size_pretty(pg_total_relation_size(c.oid))
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'audit_events'::regclass
ORDER BY c.relname;
