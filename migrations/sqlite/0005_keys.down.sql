-- locks: database RESERVED
-- Forgets every key: what was signed with one can't be verified any more, and revoked admin tokens are dead with it.

DROP TABLE revoked_tokens;
DROP TABLE signing_keys;
DROP TABLE data_keys;
