-- locks: issuer_keys EXCLUSIVE
-- Removes the issuer keys: no JWT and no biscuit that was signed with one is valid any more.

DROP TABLE IF EXISTS issuer_keys;
