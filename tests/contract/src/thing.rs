//! A tenant with a row in every table.

use kayan_ports::{
    ADMIN, AdminTokenId, Change, Device, EventId, Factor, FactorChange, Identity, IssuerKey, IssuerKeyState, KeyChange,
    KeyId, KeyPurpose, Message, OneTimeChange, OneTimeToken, Position, ProviderLink, Revocation, Role, RoleChange,
    Scope, Seal, SealChange, Sealed, SealedKey, StoredResponse, TenantId,
};
use uuid::Uuid;

use crate::{
    Bench,
    issuer_key_verbs::{self, issuer_key},
    link_verbs::{add_link, link},
    sample::{
        Account, add_device, at, ceremony, creation, device, enqueue, identity, lease, message, one_time, passkey,
        recovery_code, role, tenant, unique, uuid,
    },
};

/// Everything that a tenant can have.
pub(crate) struct Thing {
    pub(crate) tenant: TenantId,
    pub(crate) account: Account,
    /// The tenant's administrator, who has no password.
    pub(crate) admin: Identity,
    pub(crate) role: Role,
    pub(crate) revoked: AdminTokenId,
    /// A recovery code of the account.
    pub(crate) code: Factor,
    /// A passkey of the account.
    pub(crate) passkey: Factor,
    /// A device of the account.
    pub(crate) device: Device,
    /// A link of the account.
    pub(crate) link: ProviderLink,
    pub(crate) one_time: OneTimeToken,
    /// A one-time token without an identity.
    pub(crate) ceremony: OneTimeToken,
    /// A message to the account that is due.
    pub(crate) message: Message,
    /// A message that is leased, and its lease.
    pub(crate) leased: (Message, Uuid),
    /// The issuer keys: the active one and the next.
    pub(crate) signing: [IssuerKey; 2],
}

/// The credential id of every passkey.
pub(crate) const CREDENTIAL: &[u8] = b"\x00\xffkey";

/// Adds a tenant with a row in nearly every table.
pub async fn furnish(bench: &dyn Bench) {
    Thing::in_a_new_tenant(bench).await;
}

impl Thing {
    pub(crate) async fn in_a_new_tenant(bench: &dyn Bench) -> Self {
        let (store, tenant) = (bench.store(), tenant(&format!("t{}", unique().simple())));
        bench.add_tenant(&tenant, true).await;
        let mut account = Account::of(&tenant, "anna@example.org");
        account.identity.roles = Vec::new();
        let mut changes = account.registration();
        let admin = Identity { roles: vec![ADMIN.to_owned()], ..identity(&tenant) };
        let role = role(&tenant);
        let revoked = AdminTokenId(uuid());
        let (code, passkey) = (recovery_code(&account.identity, 1), passkey(&account.identity, CREDENTIAL));
        let (one_time, ceremony) = (one_time(&account.identity), ceremony(&tenant));
        let (device, link) = (device(&account.identity), link(&account.identity, "1"));
        let signing = [IssuerKeyState::Active, IssuerKeyState::Next].map(|state| issuer_key(&tenant, state, 1));
        changes.extend(signing.iter().map(issuer_key_verbs::add));
        changes.insert(0, Change::Role(RoleChange::Create(Box::new(role.clone()))));
        changes.extend([
            creation(&admin, Vec::new()),
            Change::Factor(FactorChange::Add(Box::new(code.clone()))),
            Change::Factor(FactorChange::Add(Box::new(passkey.clone()))),
            add_device(&device),
            add_link(&link),
            Change::OneTime(OneTimeChange::Issue(Box::new(one_time.clone()))),
            Change::OneTime(OneTimeChange::Issue(Box::new(ceremony.clone()))),
            Change::RevokeAdminToken(Box::new(Revocation {
                id: revoked,
                by: Scope::Tenant(tenant.clone()),
                expires_at: at(9_999),
                at: at(0),
            })),
            Change::Key(KeyChange::StoreSigningKey(Box::new(SealedKey {
                id: KeyId(uuid()),
                scope: Scope::Tenant(tenant.clone()),
                purpose: KeyPurpose::AdminToken,
                sealed: Sealed(vec![1; 40]),
                public: [2; 32],
                created_at: at(0),
            }))),
            Change::Seal(SealChange::Add(Box::new(Seal {
                tenant: tenant.clone(),
                number: 1,
                last: Position { at: at(1), id: EventId(uuid()) },
                entries: vec![0; 56],
                root: [1; 32],
                previous: [0; 32],
                sealed_at: at(2),
                public_key: [3; 32],
                signature: vec![4; 64],
            }))),
            Change::StoreResponse(Box::new(StoredResponse {
                tenant: tenant.clone(),
                operator: "cli".to_owned(),
                key: "k".to_owned(),
                request: [5; 32],
                about: None,
                response: "1".to_owned(),
                at: at(0),
            })),
        ]);
        let (message, mut leased) = (message(&tenant, Some(account.identity.id)), (message(&tenant, None), unique()));
        // Due before every other tenant's message, so that none of those is leased.
        leased.0.due_at = at(-1);
        changes.extend([enqueue(&leased.0), lease(leased.1, 1, -1), enqueue(&message)]);
        store.changes.commit(changes).await.expect("a tenant's things");
        leased.0 = store.outbox.leased(leased.1).await.expect("a lease").pop().expect("a leased message");
        account.identity.last_login_at = Some(account.session.issued_at);
        Self {
            tenant,
            account,
            admin,
            role,
            revoked,
            code,
            passkey,
            device,
            link,
            one_time,
            ceremony,
            message,
            leased,
            signing,
        }
    }
}
