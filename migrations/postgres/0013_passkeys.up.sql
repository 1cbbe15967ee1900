-- locks: credentials ACCESS EXCLUSIVE
-- locks: one_time_tokens ACCESS EXCLUSIVE
-- reads: credentials
-- Passkeys are credentials. `data` is what never changes of one; what is searched by, or changes, has a column of its own.
-- One-time tokens need no identity: a passkey ceremony may begin before it is known who logs in.

ALTER TABLE credentials
    ADD COLUMN data          json,                           -- webauthn: object; null: none
    ADD COLUMN lookup        bytea,                          -- webauthn: SHA-256 of the credential id; null: none
    ADD COLUMN user_verified boolean NOT NULL DEFAULT false, -- webauthn: when it was registered
    ADD COLUMN backed_up     boolean NOT NULL DEFAULT false; -- webauthn: when it was last used

CREATE UNIQUE INDEX credentials_by_lookup ON credentials (tenant_id, lookup) WHERE lookup IS NOT NULL;

ALTER TABLE one_time_tokens ALTER COLUMN identity_id DROP NOT NULL;
