-- Forgets every wrong guess and every known network.

DROP TABLE known_networks;
DROP TABLE attempts;
