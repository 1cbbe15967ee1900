-- locks: identities ACCESS EXCLUSIVE
-- locks: devices ACCESS EXCLUSIVE
-- Forgets all devices: each user's next login is from a new one.

DROP TABLE devices;
