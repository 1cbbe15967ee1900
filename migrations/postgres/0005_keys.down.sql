-- locks: data_keys ACCESS EXCLUSIVE
-- locks: revoked_tokens ACCESS EXCLUSIVE
-- locks: signing_keys ACCESS EXCLUSIVE
-- Forgets every key: what was signed with one can't be verified any more, and revoked admin tokens are dead with it.

DROP TABLE revoked_tokens;
DROP TABLE signing_keys;
DROP TABLE data_keys;
