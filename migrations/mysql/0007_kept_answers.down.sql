-- locks: kept_answers EXCLUSIVE
-- Forgets the kept answers: a request that is made again is carried out again.

DROP TABLE IF EXISTS kept_answers;
