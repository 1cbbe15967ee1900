-- locks: identities ACCESS EXCLUSIVE
-- locks: messages ACCESS EXCLUSIVE
-- Forgets the messages that wait: they are not delivered.

DROP TABLE messages;
