-- Maintenance of Kayan on SQLite: sqlite3 kayan.db < maintenance.sqlite.sql, as the user that the service runs as. The
-- service may run meanwhile.

.timeout 10000

-- Updates the statistics of the optimiser, where they are out of date.
PRAGMA analysis_limit = 1000;
PRAGMA optimize;

-- Prints ok, or what is damaged; in that case restore a backup.
PRAGMA quick_check;

-- How large the tables and indexes are.
SELECT name AS relname, SUM(pgsize) AS bytes
FROM dbstat
GROUP BY name
ORDER BY SUM(pgsize) DESC;

-- How much of the file is free.
SELECT page_count * page_size AS bytes, freelist_count * page_size AS free_bytes
FROM pragma_page_count, pragma_page_size, pragma_freelist_count;

-- Returns free space to the disk, after a large purge. It blocks all writes meanwhile and needs room for a second file, so
-- run it yourself in a quiet hour:
--
--   VACUUM;
