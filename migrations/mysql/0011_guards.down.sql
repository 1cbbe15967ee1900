-- locks: nothing
-- There is no function to drop.

DO 0;
