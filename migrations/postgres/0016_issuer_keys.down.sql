-- locks: issuer_keys ACCESS EXCLUSIVE
-- Removes the issuer keys: no JWT and no biscuit that was signed with one is valid any more.

DROP TABLE issuer_keys;
