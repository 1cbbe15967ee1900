-- locks: database RESERVED
-- Forgets the kept answers: a request that is made again is carried out again.

DROP TABLE kept_answers;
