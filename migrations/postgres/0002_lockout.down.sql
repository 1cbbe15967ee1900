-- locks: attempts ACCESS EXCLUSIVE
-- locks: identities ACCESS EXCLUSIVE
-- locks: known_networks ACCESS EXCLUSIVE
-- locks: sessions ACCESS EXCLUSIVE
-- Forgets every wrong guess and every known network.

DROP INDEX sessions_by_end;
DROP TABLE known_networks;
DROP TABLE attempts;
