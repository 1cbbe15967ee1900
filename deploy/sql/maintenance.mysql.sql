-- Maintenance of Kayan on MySQL and MariaDB: mysql kayan < maintenance.mysql.sql. InnoDB cleans up by itself; run this
-- after large imports, purges and restores.

-- Updates the statistics of the optimiser. It blocks no other statement.
ANALYZE TABLE identities, credentials, sessions, refresh_tokens, audit_events;

-- How large the tables are, and how much of them is free; the figures are estimates until ANALYZE has run.
SELECT table_name AS relname,
       table_rows AS about_rows,
       ROUND((data_length + index_length) / 1048576, 1) AS size_mib,
       ROUND(data_free / 1048576, 1) AS free_mib
FROM information_schema.tables
WHERE table_schema = DATABASE()
ORDER BY data_length + index_length DESC;

-- Returns free space to the disk, after a large purge. It rewrites the table and needs room for a second one, so run it
-- yourself in a quiet hour:
--
--   OPTIMIZE TABLE audit_events;
