-- locks: database RESERVED
-- Forgets the messages that wait: they are not delivered.

DROP TABLE messages;
