//! The table of every setting there is.

use std::time::Duration;

use super::setting::Feature::{
    Audit, Database, Federation, General, Http, Lockout, Mail, Passkeys, Passwords, RateLimit, Redis, Secrets,
    Sessions, Tracing,
};
use super::setting::Kind::{
    Address, Choice, Dsn, Hosts, Key, Mailbox, Networks, Number, Origins, Pairs, Part, Password, Schema, SecretHeaders,
    SecretJson, Span, Switch, Text, Url, Urls,
};
use super::setting::{Kind, Setting};

const fn row(name: &'static str, feature: super::setting::Feature, kind: Kind, help: &'static str) -> Setting {
    Setting::new(name, feature, kind, help)
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
/// A revocation by others is effective within this (I-22), so nothing is remembered for longer.
const LAG: Duration = Duration::from_secs(5);
const YEAR: Duration = Duration::from_hours(8760);
const CENTURY: Duration = Duration::from_hours(876_000);

/// Loopback, RFC 1918, RFC 3927, and their like in IPv6 (RFC 4193, RFC 4291). No address by itself: a trusted proxy's that is
/// named so may read the metrics.
const PRIVATE: &str = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,::/127,fc00::/7,fe80::/10";

/// OpenTelemetry's words for which traces are kept.
const SAMPLERS: &[&str] = &[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Every setting, in the order of the help.
pub(crate) const TABLE: &[Setting] = &[
    row("KAYAN_ENV", General, Choice(&["development", "production"]), "Environment").or("development"),
    row("KAYAN_LOG_LEVEL", General, Choice(&["debug", "info", "warn", "error"]), "Log level").or("info"),
    row("KAYAN_LOG_FORMAT", General, Choice(&["text", "json"]), "Log format").or("text"),
    row("KAYAN_HOST", Http, Address, "IP address to listen on").differs("127.0.0.1", Some("0.0.0.0")),
    row("KAYAN_PORT", Http, Number(0, 65_535), "TCP port to listen on; 0 takes a free one").or("8080"),
    row("KAYAN_MAX_CONNECTIONS", Http, Number(1, 1_000_000), "Connections of clients at once; more wait")
        .derived("the limit of open files, less those that databases need"),
    row("KAYAN_PUBLIC_URL", Http, Url(&["http", "https"]), "URL under which clients reach the service")
        .derived("the address it listens on"),
    row("KAYAN_CORS_ORIGINS", Http, Origins, "Origins of browser applications, separated by commas"),
    row("KAYAN_TRUSTED_PROXIES", Http, Networks, "Proxies (CIDR, commas) whose X-Forwarded-For is believed"),
    row("KAYAN_METRICS_ALLOW", Http, Networks, "Networks (CIDR, commas) that may read /metrics without a token")
        .or(PRIVATE),
    row("KAYAN_TENANT_HOSTS", Http, Hosts, "Tenants by host: login.acme.example=acme,*.example.com=*"),
    row("KAYAN_RETURN_TO", Http, Urls, "URLs that a browser may be sent back to, separated by commas"),
    row("KAYAN_IDENTITY_SCHEMA", Http, Schema, "JSON Schema of the traits: a path, or the JSON itself")
        .derived("email and name"),
    row("KAYAN_DB_TYPE", Database, Choice(&["postgres", "mysql", "sqlite"]), "Database type").differs("sqlite", None),
    row("KAYAN_DB_DSN", Database, Dsn, "Database connection string")
        .differs("file:kayan.db?cache=shared&mode=rwc", None),
    row("KAYAN_DB_READ_DSN", Database, Dsn, "Connection string of a replica, for reads that may lag"),
    row("KAYAN_DB_MAX_OPEN_CONNS", Database, Number(1, 10_000), "Maximum open connections").or("25"),
    row("KAYAN_DB_MAX_IDLE_CONNS", Database, Number(0, 10_000), "Maximum idle connections").or("5"),
    row("KAYAN_DB_CONN_MAX_LIFETIME", Database, Span(Duration::ZERO, YEAR), "Longest life of a connection; 0: any")
        .or("5m"),
    row("KAYAN_DB_STATEMENTS", Database, Choice(&["prepared", "unnamed"]), "Statements; unnamed for PgBouncer")
        .or("prepared"),
    row("KAYAN_AUTO_MIGRATE", Database, Switch, "Migrate the database at start").differs("true", Some("false")),
    row("KAYAN_REDIS_URL", Redis, Dsn, "Redis connection URL"),
    row("KAYAN_REDIS_POOL_SIZE", Redis, Number(1, 1_000), "Connection pool size").or("10"),
    row("KAYAN_REDIS_SESSION_URL", Redis, Dsn, "A Redis of its own for sessions").derived("KAYAN_REDIS_URL"),
    row("KAYAN_SESSION_SECRET", Secrets, Key, "Root of the keys that seal flow state")
        .derived("made once in development"),
    row("KAYAN_SESSION_SECRET_PREVIOUS", Secrets, Key, "The one before, while it is being rotated"),
    row("KAYAN_JWT_SECRET", Secrets, Key, "JWT signing key").derived("made once in development"),
    row("KAYAN_JWT_SECRET_PREVIOUS", Secrets, Key, "The one before, while it is being rotated"),
    row("KAYAN_DATA_KEY", Secrets, Key, "Key that wraps the data key").derived("KAYAN_SESSION_SECRET"),
    row("KAYAN_DATA_KEY_PREVIOUS", Secrets, Key, "The one before, while it is being rotated"),
    row("KAYAN_PASSWORD_HASHER", Passwords, Choice(&["bcrypt", "argon2id", "scrypt"]), "Format of new password hashes")
        .or("bcrypt"),
    row("KAYAN_BCRYPT_COST", Passwords, Number(4, 20), "Bcrypt cost factor").or("10"),
    row("KAYAN_PASSWORD_MIN_LENGTH", Passwords, Number(8, 64), "Shortest password, in characters").or("8"),
    row("KAYAN_HASH_CONCURRENCY", Passwords, Number(1, 256), "Hashing threads").derived("one per core"),
    row("KAYAN_HASH_QUEUE", Passwords, Number(1, 100_000), "Hashes that may wait; more are refused with 503").or("256"),
    row("KAYAN_SESSION_STRATEGY", Sessions, Choice(&["database", "jwt"]), "Session strategy")
        .or("database")
        .not_yet_unless("database"),
    row("KAYAN_SESSION_TTL", Sessions, Span(SECOND, YEAR), "Life of a session token").or("24h"),
    row("KAYAN_REFRESH_TTL", Sessions, Span(SECOND, YEAR), "Life of a refresh token").or("168h"),
    row(
        "KAYAN_REFRESH_REUSE_WINDOW",
        Sessions,
        Span(Duration::ZERO, MINUTE),
        "Retry of a spent refresh token; 0: none",
    )
    .or("10s"),
    row("KAYAN_SESSION_MAX_TTL", Sessions, Span(SECOND, YEAR), "Absolute end of a session").or("720h"),
    row("KAYAN_SESSION_CACHE_TTL", Sessions, Span(Duration::ZERO, LAG), "Age of a remembered session; 0: none is")
        .or("5s"),
    row("KAYAN_JWT_TTL", Sessions, Span(SECOND, DAY), "Life of an access JWT").or("15m"),
    row("KAYAN_RATE_LIMIT_ENABLED", RateLimit, Switch, "Enable rate limiting").or("false"),
    row("KAYAN_RATE_LIMIT_REQUESTS", RateLimit, Number(1, 1_000_000), "Requests per window and client").or("100"),
    row("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", RateLimit, Number(1, 1_000_000), "Logins per window and identifier")
        .derived("KAYAN_RATE_LIMIT_REQUESTS"),
    row(
        "KAYAN_RATE_LIMIT_REGISTRATION_REQUESTS",
        RateLimit,
        Number(1, 1_000_000),
        "Registrations per window and client",
    )
    .derived("KAYAN_RATE_LIMIT_REQUESTS"),
    row("KAYAN_RATE_LIMIT_WINDOW", RateLimit, Span(SECOND, DAY), "Time window").or("60s"),
    row("KAYAN_LOCKOUT_ENABLED", Lockout, Switch, "Enable account lockout").or("false"),
    row("KAYAN_LOCKOUT_MAX_FAILURES", Lockout, Number(1, 1_000), "Max failed attempts").or("5"),
    row("KAYAN_LOCKOUT_DURATION", Lockout, Span(SECOND, YEAR), "Lockout duration").or("15m"),
    row("KAYAN_LOCKOUT_KNOWN_NETWORKS", Lockout, Switch, "Count guesses from where the account logged in before apart")
        .or("true"),
    row("KAYAN_SMTP_URL", Mail, Url(&["smtp", "smtps"]), "Mail server, as in smtp://user:password@host:587").not_yet(),
    row("KAYAN_MAIL_FROM", Mail, Mailbox, "Sender, as in Kayan <no-reply@example.com>"),
    row("KAYAN_MAIL_TEMPLATES", Mail, Text, "Folder of mail templates").not_yet(),
    row("KAYAN_OIDC_PROVIDERS", Federation, SecretJson, "OpenID Connect providers, as JSON").not_yet(),
    row("KAYAN_WEBAUTHN_RP_ID", Passkeys, Text, "Relying party id: the service's domain").not_yet(),
    row("KAYAN_WEBAUTHN_ORIGINS", Passkeys, Origins, "Origins that may use passkeys, separated by commas").not_yet(),
    row("KAYAN_AUDIT_LOG", Audit, Text, "File that audit events are also written to, as JSON lines; or stdout"),
    row(
        "KAYAN_AUDIT_RETENTION",
        Audit,
        Span(Duration::ZERO, CENTURY),
        "Age at which audit events are purged; 0: never",
    ),
    row("OTEL_SDK_DISABLED", Tracing, Switch, "Send no traces, whatever else is set").or("false"),
    row("OTEL_TRACES_EXPORTER", Tracing, Choice(&["otlp", "none"]), "How traces are sent").or("otlp"),
    row("OTEL_EXPORTER_OTLP_ENDPOINT", Tracing, Url(&["http", "https"]), "Collector; traces go to its /v1/traces"),
    row("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Tracing, Url(&["http", "https"]), "The whole URL that traces go to")
        .derived("OTEL_EXPORTER_OTLP_ENDPOINT"),
    row("OTEL_EXPORTER_OTLP_HEADERS", Tracing, SecretHeaders, "Headers for the collector: NAME=VALUE, commas"),
    row("OTEL_EXPORTER_OTLP_PROTOCOL", Tracing, Choice(&["http/protobuf"]), "Protocol").or("http/protobuf"),
    row("OTEL_EXPORTER_OTLP_COMPRESSION", Tracing, Choice(&["none", "gzip"]), "Compression").or("none"),
    row("OTEL_EXPORTER_OTLP_TIMEOUT", Tracing, Number(1, 600_000), "Longest delivery, in milliseconds").or("10000"),
    row("OTEL_SERVICE_NAME", Tracing, Text, "The service's name in traces").or("kayan"),
    row("OTEL_RESOURCE_ATTRIBUTES", Tracing, Pairs, "What else traces say of the service: NAME=VALUE, commas"),
    row("OTEL_TRACES_SAMPLER", Tracing, Choice(SAMPLERS), "Which traces are kept").or("parentbased_always_on"),
    row("OTEL_TRACES_SAMPLER_ARG", Tracing, Part, "The part that …traceidratio keeps").or("1"),
    row("OTEL_BSP_SCHEDULE_DELAY", Tracing, Number(1, 600_000), "Longest wait of a span, in milliseconds").or("5000"),
    row("OTEL_BSP_MAX_QUEUE_SIZE", Tracing, Number(1, 100_000), "Spans that may wait; more are dropped").or("2048"),
    row("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Tracing, Number(1, 100_000), "Spans sent at once").or("512"),
];

/// What each provider's own variables, `KAYAN_OIDC_PROVIDERS_<NAME>_<FIELD>`, are called and look like.
const PROVIDER_FIELDS: [(&str, Kind); 5] = [
    ("_ISSUER", Url(&["http", "https"])),
    ("_CLIENT_ID", Text),
    ("_CLIENT_SECRET", Password),
    ("_REDIRECT_URL", Url(&["http", "https"])),
    ("_SCOPES", Text),
];

/// The setting of that name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

/// What the value of one provider's own variable looks like, if the name is one of those.
pub(crate) fn provider_field(name: &str) -> Option<Kind> {
    let rest = name.strip_prefix("KAYAN_OIDC_PROVIDERS_")?;
    PROVIDER_FIELDS
        .iter()
        .find_map(|(field, kind)| rest.strip_suffix(field).filter(|provider| !provider.is_empty()).map(|_| *kind))
}

/// The known name that is most like an unknown one, if any is much like it.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let near = |setting: &'static Setting| (strsim::damerau_levenshtein(name, setting.name), setting.name);
    let (distance, known) = TABLE.iter().map(near).min_by_key(|(distance, _)| *distance)?;
    (distance <= 4).then_some(known)
}
