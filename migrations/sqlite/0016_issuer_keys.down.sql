-- locks: database RESERVED
-- Removes the issuer keys: no JWT and no biscuit that was signed with one is valid any more.

DROP TABLE issuer_keys;
