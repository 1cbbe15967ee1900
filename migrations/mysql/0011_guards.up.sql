-- locks: nothing
-- Guards are plain statements here: only PostgreSQL needs a function for them.

DO 0;
