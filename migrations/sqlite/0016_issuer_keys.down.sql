-- locks: database RESERVED
-- Removes the issuer keys: no JWT that was signed with one is valid any more.

DROP TABLE issuer_keys;
