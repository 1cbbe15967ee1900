-- locks: database RESERVED
-- Forgets every wrong guess and every known network.

DROP INDEX sessions_by_end;
DROP TABLE known_networks;
DROP TABLE attempts;
