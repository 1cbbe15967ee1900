-- locks: nothing
-- makes: audit_events, audit_events_default, credentials, identifiers, identities, refresh_tokens, sessions, tenants
-- Tenants, identities, what they log in with, their sessions, and the audit trail.
--
-- Ids are UUIDv7; hashes are SHA-256. Texts are compared and sorted by their bytes, as in the other databases: hence
-- COLLATE "C" wherever a text is sorted or searched. JSON is json: jsonb writes numbers anew (1e16 comes back as a whole
-- number, 1.8e308 in three hundred digits), and what goes in must come back; traits::jsonb is there for those who ask.

CREATE TABLE tenants (
    id         text COLLATE "C" NOT NULL PRIMARY KEY, -- 1 to 63 of a-z 0-9 - _
    active     boolean          NOT NULL DEFAULT true,
    created_at timestamptz      NOT NULL              -- 1970-01-01: came with the schema
);

INSERT INTO tenants (id, active, created_at) VALUES ('default', true, '1970-01-01 00:00:00+00');

CREATE TABLE identities (
    id            uuid             NOT NULL PRIMARY KEY,
    tenant_id     text COLLATE "C" NOT NULL REFERENCES tenants (id),
    traits        json             NOT NULL, -- object
    state         text COLLATE "C" NOT NULL CHECK (state IN ('active', 'inactive', 'locked', 'pending')),
    verified      json             NOT NULL, -- array of addresses
    roles         json             NOT NULL, -- array of role names
    created_at    timestamptz      NOT NULL,
    updated_at    timestamptz      NOT NULL, -- traits, state or roles
    last_login_at timestamptz,               -- null: never
    version       bigint           NOT NULL  -- counts changes, from 1
);

-- Lists are newest first within a tenant; with the state in it, they are counted without a look at the rows.
CREATE INDEX identities_by_age ON identities (tenant_id, created_at, id, state);

CREATE TABLE identifiers (
    tenant_id   text COLLATE "C" NOT NULL,
    value       text COLLATE "C" NOT NULL, -- canonical: equal identifiers have equal bytes
    identity_id uuid             NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    field       text COLLATE "C" NOT NULL, -- the trait it was read from
    PRIMARY KEY (tenant_id, value)
);

CREATE INDEX identifiers_by_identity ON identifiers (identity_id);

CREATE TABLE credentials (
    id           uuid             NOT NULL PRIMARY KEY,
    tenant_id    text COLLATE "C" NOT NULL,
    identity_id  uuid             NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    kind         text COLLATE "C" NOT NULL,            -- password
    subject      text COLLATE "C" NOT NULL DEFAULT '', -- tells several of a kind apart
    secret       text COLLATE "C" NOT NULL,            -- password: PHC or modular crypt form
    created_at   timestamptz      NOT NULL,
    updated_at   timestamptz      NOT NULL,            -- the secret
    last_used_at timestamptz,                          -- null: never
    version      bigint           NOT NULL,            -- counts changes of the secret, from 1
    -- identity_id comes first so that removing an identity finds its credentials here
    UNIQUE (identity_id, tenant_id, kind, subject)
);

CREATE TABLE sessions (
    id           uuid             NOT NULL PRIMARY KEY,
    tenant_id    text COLLATE "C" NOT NULL,
    identity_id  uuid             NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    token_hash   bytea            NOT NULL, -- 32 bytes; of the present access token
    active       boolean          NOT NULL, -- false: revoked, access and refresh
    aal          text COLLATE "C" NOT NULL CHECK (aal IN ('aal1', 'aal2', 'aal3')),
    methods      json             NOT NULL, -- array of {method, completed_at}
    issued_at    timestamptz      NOT NULL,
    expires_at   timestamptz      NOT NULL, -- of the present access token
    ends_at      timestamptz      NOT NULL, -- no refresh goes past it
    last_seen_at timestamptz      NOT NULL,
    ip_address   text COLLATE "C",
    user_agent   text COLLATE "C"           -- at most 512 bytes
);

CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash);
CREATE INDEX sessions_by_identity ON sessions (identity_id, issued_at);

CREATE TABLE refresh_tokens (
    hash             bytea            NOT NULL PRIMARY KEY, -- 32 bytes
    tenant_id        text COLLATE "C" NOT NULL,
    session_id       uuid             NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    issued_at        timestamptz      NOT NULL,
    expires_at       timestamptz      NOT NULL,
    spent_at         timestamptz,     -- null: unspent
    spent_salt       bytea,           -- 32 bytes; its successor was derived with it
    spent_ip_address text COLLATE "C",
    spent_user_agent text COLLATE "C" -- at most 512 bytes
);

CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

-- No foreign keys: what happened outlives whom it happened to.
CREATE TABLE audit_events (
    id         uuid             NOT NULL,
    tenant_id  text COLLATE "C" NOT NULL,
    type       text COLLATE "C" NOT NULL, -- as in auth.login.failure
    status     text COLLATE "C" NOT NULL, -- success or failure
    actor      text COLLATE "C",          -- who did it
    subject    text COLLATE "C",          -- to whom it was done
    message    text COLLATE "C" NOT NULL,
    metadata   json             NOT NULL, -- object
    ip_address text COLLATE "C",
    user_agent text COLLATE "C",          -- at most 512 bytes
    session_id uuid,
    resource   text COLLATE "C",
    old_value  json,
    new_value  json,
    risk_score integer          NOT NULL CHECK (risk_score BETWEEN 0 AND 100),
    request_id text COLLATE "C",
    created_at timestamptz      NOT NULL,
    PRIMARY KEY (created_at, id)
) PARTITION BY RANGE (created_at);

CREATE INDEX audit_events_by_tenant ON audit_events (tenant_id, created_at);
CREATE INDEX audit_events_by_subject ON audit_events (tenant_id, subject, created_at) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_by_actor ON audit_events (tenant_id, actor, created_at) WHERE actor IS NOT NULL;

-- What no month has a partition for. It should stay empty: nothing is lost in it, but no month can be dropped from it.
CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;

-- Makes the partitions that are missing, of the present month (UTC) and so many after it, and answers how many those
-- were. Events of these months that lie in the default partition move. Several may call it at once.
CREATE FUNCTION make_audit_partitions(ahead integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    made  integer   := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_events', 0));
    FOR step IN 0 .. ahead LOOP
        DECLARE
            name  text        := to_char(month + make_interval(months => step), '"audit_events_"YYYY_MM');
            since timestamptz := (month + make_interval(months => step)) AT TIME ZONE 'UTC';
            until timestamptz := (month + make_interval(months => step + 1)) AT TIME ZONE 'UTC';
        BEGIN
            CONTINUE WHEN to_regclass(quote_ident(name)) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING ALL)', name);
            EXECUTE format(
                'WITH moved AS (DELETE FROM audit_events_default WHERE created_at >= $1 AND created_at < $2 RETURNING *)'
                ' INSERT INTO %I SELECT * FROM moved', name) USING since, until;
            EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, since, until);
            made := made + 1;
        END;
    END LOOP;
    RETURN made;
END
$$;

SELECT make_audit_partitions(12);
