-- locks: nothing
-- The index of subjects has not changed.

DO 0;
