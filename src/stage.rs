//! The test setup of use-cases: the real application on fakes, with a clock that only tests advance.

use std::sync::Arc;

use kayan_cache::MemoryLimiter;
use kayan_crypto::{Biscuits, SealedKeys, SystemJwsKeys, WrappingSecrets};
use kayan_fakes::{
    BreachList, MailBox, ManualClock, MemoryStore, PlainBiscuits, PlainCodes, PlainHasher, PlainProvider,
    SeededEntropy, ShownValues,
};
use kayan_ports::{Client, EventType, Outcome, Stores, TenantId, TenantSettings, TokenHash, Traits, WebAuthn};
use kayan_webauthn::{Ceremonies, RelyingParty};
use serde_json::json;

use crate::{
    Caller, IdentitySchema, Kayan, Lifetimes, LogIn, Messaging, Opened, Operator, PasswordSettings, Ports, RateLimits,
    Register, ReturnTo, Settings, UpdateTenant, UpdateUser, UserRef,
};

/// A password that the policy accepts.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The issuer of JWTs.
pub(crate) const ISSUER: &str = "https://id.example";

/// The origin of the pages that use passkeys.
pub(crate) const ORIGIN: &str = "http://localhost:8080";

/// Where browsers are redirected to after a login.
pub(crate) const RETURN_TO: &str = "https://app.example/";

fn relying_party() -> Arc<dyn WebAuthn> {
    Arc::new(Ceremonies::new(RelyingParty::new("localhost", "Kayan", &[ORIGIN]).unwrap()))
}

/// The application and its fakes.
pub(crate) struct Stage {
    pub(crate) kayan: Kayan,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) hasher: Arc<PlainHasher>,
    pub(crate) breaches: Arc<BreachList>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) mail: Arc<MailBox>,
    pub(crate) sms: Arc<MailBox>,
    /// `idp`; there are also `closed`, which lets nobody sign up, and `staff`, for verified addresses of example.com.
    pub(crate) provider: Arc<PlainProvider>,
    pub(crate) closed: Arc<PlainProvider>,
    pub(crate) staff: Arc<PlainProvider>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With other settings.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(IdentitySchema::default(), change)
    }

    /// With a schema that has an optional `email` and an optional `badge` to log in with, and `more` at its top.
    pub(crate) fn with_optional_identifiers(more: &serde_json::Value) -> Self {
        let identifier = json!({ "type": "string", "x-kayan-identifier": true });
        let mut schema =
            json!({ "type": "object", "properties": { "email": identifier, "badge": identifier, "name": {} } });
        for (name, value) in more.as_object().into_iter().flatten() {
            schema[name] = value.clone();
        }
        Self::of(IdentitySchema::parse(&schema.to_string()).unwrap(), |_| {})
    }

    /// With a schema that has an optional `email` and an optional `phone` to log in with.
    pub(crate) fn with_phones() -> Self {
        let identifier = |format: &str| json!({ "type": "string", "format": format, "x-kayan-identifier": true });
        let properties = json!({ "email": identifier("email"), "phone": identifier("tel") });
        let schema = json!({ "type": "object", "properties": properties });
        Self::of(IdentitySchema::parse(&schema.to_string()).unwrap(), |_| {})
    }

    /// The same database and clock with a new application, as after a restart.
    pub(crate) fn restarted(&self) -> Self {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Self::over((store, clock, SeededEntropy::new(8)), IdentitySchema::default(), |_| {})
    }

    pub(crate) fn of(schema: IdentitySchema, change: impl FnOnce(&mut Settings)) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::default()));
        Self::over((store, clock, SeededEntropy::new(7)), schema, change)
    }

    fn over(
        (store, clock, entropy): (Arc<MemoryStore>, Arc<ManualClock>, SeededEntropy),
        schema: IdentitySchema,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let hasher = Arc::new(PlainHasher::new());
        let breaches = Arc::new(BreachList::default());
        let entropy = Arc::new(entropy);
        let secrets = WrappingSecrets {
            data_key: None,
            data_key_previous: None,
            session_secret: vec![7; 32].into(),
            session_secret_previous: None,
        };
        let keys = SealedKeys::new(&Stores::new(store.clone()), clock.clone(), entropy.clone(), &secrets).unwrap();
        let (mail, sms) = (Arc::new(MailBox::default()), Arc::new(MailBox::default()));
        let messaging = Messaging {
            mailer: Some(mail.clone()),
            sms: Some(sms.clone()),
            templates: Arc::new(ShownValues),
            link_url: "https://login.example/flow/{flow}".to_owned(),
            code_host: Some("login.example".to_owned()),
            notices: true,
        };
        let named = |name: &str| PlainProvider::new(name.parse().unwrap());
        let provider = Arc::new(named("idp").having(|rules| rules.mfa_amr = vec!["mfa".to_owned()]));
        let closed = Arc::new(named("closed").having(|rules| rules.sign_up = false));
        let staff = Arc::new(named("staff").having(|rules| rules.email_domains = vec!["example.com".to_owned()]));
        let ports = Ports {
            store: Stores::new(store.clone()),
            hasher: hasher.clone(),
            breaches: Some(breaches.clone()),
            attempts: store.clone(),
            limiter: Arc::new(MemoryLimiter::new()),
            keys: Arc::new(keys),
            jws: Arc::new(SystemJwsKeys::default()),
            biscuits: Arc::new(PlainBiscuits),
            tokens: Arc::new(Biscuits::new(entropy.clone())),
            totp: Arc::new(PlainCodes),
            relying_party: Arc::new(|_| Some(relying_party())),
            providers: vec![provider.clone(), closed.clone(), staff.clone()],
            messaging: Some(messaging),
            clock: clock.clone(),
            entropy,
        };
        let lifetimes = Lifetimes {
            session: std::time::Duration::from_hours(24),
            refresh: std::time::Duration::from_hours(168),
            absolute: std::time::Duration::from_hours(720),
        };
        let mut settings = Settings {
            lifetimes,
            refresh_reuse_window: std::time::Duration::from_secs(10),
            passwords: PasswordSettings::default(),
            lockout: None,
            limits: RateLimits::default(),
            issuer: ISSUER.to_owned(),
            session_jwts: None,
            jwt_secrets: Vec::new(),
            key_rotation: std::time::Duration::from_hours(90 * 24),
            return_to: ReturnTo::new(RETURN_TO.parse().into_iter().collect()),
        };
        change(&mut settings);
        let kayan = Kayan::new(ports, schema, settings);
        Self { kayan, store, hasher, breaches, clock, mail, sms, provider, closed, staff }
    }

    /// A registered user, logged in.
    pub(crate) async fn person(&self, email: &str) -> Opened {
        self.kayan.register(&Self::stranger(), Self::registration(email)).await.unwrap()
    }

    pub(crate) fn registration(email: &str) -> Register {
        Register { traits: Self::traits(email), password: PASSWORD.into(), proof_of_work: None }
    }

    pub(crate) fn traits(email: &str) -> Traits {
        serde_json::from_value(json!({ "email": email })).unwrap()
    }

    pub(crate) fn login(email: &str, password: &str) -> LogIn {
        LogIn { identifier: email.to_owned(), password: password.into(), proof_of_work: None }
    }

    /// Gives the tenant these settings.
    pub(crate) async fn set_tenant(&self, settings: TenantSettings) {
        let id = TenantId::default();
        let cmd = UpdateTenant { id, name: None, active: None, settings: Some(settings), expected: None };
        self.kayan.update_tenant(&Self::operator(), cmd).await.unwrap();
    }

    /// Gives a user another address, as an administrator does.
    pub(crate) async fn set_address(&self, user: &Opened, email: &str) {
        let user = UserRef(user.identity.id.to_string());
        let cmd = UpdateUser { user, traits: Some(Self::traits(email)), state: None, expected: None };
        self.kayan.update_user(&Self::operator(), cmd).await.unwrap();
    }

    /// Makes the tenant require a second factor.
    pub(crate) async fn require_mfa(&self) {
        self.set_tenant(TenantSettings { mfa_required: true, ..TenantSettings::default() }).await;
    }

    /// A caller without a token.
    pub(crate) fn stranger() -> Caller {
        let client = Client { ip: Some("192.0.2.1".to_owned()), user_agent: Some("a browser".to_owned()) };
        Caller { client, request_id: Some("request-1".to_owned()), ..Caller::default() }
    }

    /// A caller without a token, on the device that has opened this session.
    pub(crate) fn on_device_of(opened: &Opened) -> Caller {
        Caller { device: opened.device.clone(), ..Self::stranger() }
    }

    /// A caller with this token.
    pub(crate) fn bearer(token: TokenHash) -> Caller {
        Caller { token: Some(token), ..Self::stranger() }
    }

    pub(crate) fn operator() -> Operator {
        Operator::at_the_command_line(kayan_ports::Scope::System)
    }

    /// The events of a type, by outcome.
    pub(crate) fn count(&self, kind: EventType, outcome: Outcome) -> usize {
        self.store.events().iter().filter(|event| event.kind == kind && event.outcome == outcome).count()
    }
}
