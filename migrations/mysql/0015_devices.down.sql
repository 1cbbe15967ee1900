-- locks: devices EXCLUSIVE
-- Forgets all devices: each user's next login is from a new one.

DROP TABLE IF EXISTS devices;
