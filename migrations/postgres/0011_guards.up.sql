-- locks: nothing
-- A guarded statement that does not change exactly one row calls this, and so rolls its transaction back. In the server's log
-- it shows as KY001, with the name of the statement: another request came first, and the caller is told so. Replicas of the
-- version before don't call it.

CREATE FUNCTION kayan_guard_failed(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'kayan: guard of % failed', statement
        USING ERRCODE = 'KY001', DETAIL = 'The statement did not change exactly one row.';
END
$$;

-- Even where the default privileges leave PUBLIC none: every role that may write has to be able to call it.
GRANT EXECUTE ON FUNCTION kayan_guard_failed(text) TO PUBLIC;
