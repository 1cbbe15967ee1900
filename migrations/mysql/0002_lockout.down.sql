-- Forgets every wrong guess and every known network.

DROP TABLE IF EXISTS known_networks;
DROP TABLE IF EXISTS attempts;
