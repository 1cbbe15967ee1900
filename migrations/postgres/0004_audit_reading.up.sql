-- locks: audit_events ACCESS EXCLUSIVE
-- reads: audit_events
-- An identity's events are found in one tenant and in the whole system alike, in the order in which they are read.
CREATE INDEX audit_events_of_subject ON audit_events (subject, created_at) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_of_actor ON audit_events (actor, created_at) WHERE actor IS NOT NULL;
DROP INDEX audit_events_by_subject;
DROP INDEX audit_events_by_actor;

-- Drops every month's partition that ends at `until` or before, and answers how many those were. It waits for those who
-- read or write the trail for a fifth of a second, as everybody else waits behind it meanwhile.
CREATE FUNCTION drop_audit_partitions(until timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    name    text;
    dropped bigint := 0;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'audit_events'::regclass
          AND CASE WHEN c.relname ~ '^audit_events_\d{4}_\d{2}$'
              THEN (replace(right(c.relname, 7), '_', '-') || '-01')::timestamp + interval '1 month'
                   <= until AT TIME ZONE 'UTC'
              END
        ORDER BY c.relname
    LOOP
        IF dropped = 0 THEN
            PERFORM set_config('lock_timeout', '200', true);
            PERFORM pg_advisory_xact_lock(hashtextextended('audit_events', 0));
        END IF;
        EXECUTE format('DROP TABLE IF EXISTS %I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
