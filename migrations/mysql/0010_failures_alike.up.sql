-- locks: nothing
-- A failed login at an account that there is must not take longer than one at an account that there is not. Here every
-- event has an entry in the index of subjects already.

DO 0;
