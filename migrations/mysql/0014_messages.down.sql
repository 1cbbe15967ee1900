-- locks: messages EXCLUSIVE
-- Forgets the messages that wait: they are not delivered.

DROP TABLE IF EXISTS messages;
