-- locks: data_keys EXCLUSIVE
-- locks: revoked_tokens EXCLUSIVE
-- locks: signing_keys EXCLUSIVE
-- Forgets every key: what was signed with one can't be verified any more, and revoked admin tokens are dead with it.

DROP TABLE IF EXISTS revoked_tokens;
DROP TABLE IF EXISTS signing_keys;
DROP TABLE IF EXISTS data_keys;
