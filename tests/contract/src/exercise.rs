//! Every question that requests ask and every write that they make, once.

use kayan_ports::{
    AccountChange, AccountQuery, AdminTokenId, Change, CredentialChange, DeviceChange, EventOrder, EventQuery, Expired,
    FactorChange, FactorKind, IdentityQuery, KeyChange, KeyId, KeyPurpose, KnownFactors, Lookup, Message, MessageQuery,
    MessageState, OneTimeChange, OutboxChange, PurgeEvents, Removed, Revocation, Role, RoleChange, Scope, Sealed,
    SealedKey, Session, SessionChange, SessionQuery, State, StoredResponse, Stores, Tenant, TenantChange, TenantId,
    TenantQuery, TenantSettings, Timestamp, Trust, WaysIn, WrappedKey, Wrapper,
};
use time::macros::datetime;

use crate::{
    issuer_key_verbs,
    sample::{
        Account, add_device, at, ceremony, client, device, enqueue, event, identity, lease, message, named,
        next_password, one_time, passkey, record, recovery_code, refresh_token, role, rotation, tenant, token, totp,
        unique, uuid,
    },
};

/// Reads everything once and writes everything once, in a tenant of its own. The store has no data key yet.
pub async fn exercise(store: &Stores) {
    let tenant = tenants(store).await;
    let account = Account::register(store, &tenant, "anna@example.org").await;
    roles(store, &account).await;
    accounts(store, &account).await;
    sessions(store, &account).await;
    session_lists(store, &account).await;
    responses(store, &account).await;
    factors(store, &account).await;
    passkeys(store, &account).await;
    devices(store, &account).await;
    crate::link_verbs::exercise(store, &account).await;
    outbox(store, &account).await;
    trail(store, &account).await;
    writes(store, &account).await;
    keys(store).await;
    issuer_key_verbs::exercise(store, &tenant).await;
    let last = TenantChange::Delete { tenant, expected: 2 };
    store.changes.commit(vec![Change::Tenant(last)]).await.unwrap();
}

/// Adds a tenant and changes it.
async fn tenants(store: &Stores) -> TenantId {
    let tenant = Tenant {
        id: tenant("exercise"),
        name: "Exercise".to_owned(),
        active: true,
        settings: TenantSettings::default(),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
        epoch: 0,
    };
    let id = tenant.id.clone();
    store.changes.commit(vec![Change::Tenant(TenantChange::Create(Box::new(tenant.clone())))]).await.unwrap();
    let replaced = Tenant { version: 2, ..tenant };
    store.changes.commit(vec![Change::Tenant(TenantChange::Replace(Box::new(replaced)))]).await.unwrap();
    assert!(store.tenants.tenant(&id).await.unwrap().is_some());
    for only in [None, Some(id.clone())] {
        assert!(store.tenants.tenants(&TenantQuery { only, limit: 20, offset: 0 }).await.unwrap().total > 0);
    }
    id
}

async fn roles(store: &Stores, account: &Account) {
    let (tenant, identity) = (account.tenant(), account.identity.id);
    let role = role(tenant);
    let assign = |expected, roles: &[&str]| {
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        Change::Role(RoleChange::Assign { tenant: tenant.clone(), identity, expected, roles, at: at(1) })
    };
    let changes = vec![
        Change::Role(RoleChange::Create(Box::new(role.clone()))),
        Change::Role(RoleChange::Replace(Box::new(Role { version: 2, ..role.clone() }))),
        assign(1, &["writer", "admin"]),
        Change::Role(RoleChange::RequireAdmin(tenant.clone())),
        assign(2, &["admin"]),
        Change::Role(RoleChange::Delete { tenant: tenant.clone(), name: role.name, expected: 2 }),
    ];
    store.changes.commit(changes).await.unwrap();
    let version = store.roles.roles(tenant).await.unwrap().unwrap().version;
    store.changes.commit(vec![Change::Role(RoleChange::Pin { tenant: tenant.clone(), version })]).await.unwrap();
}

async fn accounts(store: &Stores, account: &Account) {
    let (tenant, whom) = (account.tenant(), account.identity.id);
    let candidate = store.credentials.login_candidate(tenant, &account.name, &client("192.0.2.7"), None).await;
    assert!(candidate.unwrap().unwrap().known.is_some());
    for scope in [Scope::from(tenant), Scope::System] {
        assert!(store.accounts.identity(&scope, whom).await.unwrap().is_some());
        assert!(store.credentials.password(&scope, whom).await.unwrap().is_some());
        assert!(store.credentials.former_passwords(&scope, whom).await.unwrap().is_empty());
        assert!(!store.accounts.identities_named(&scope, &account.name).await.unwrap().is_empty());
        for (contains, without_factor) in [(None, false), (Some("ANNA@"), false), (None, true), (Some("ANNA@"), true)] {
            let contains = contains.map(str::to_owned);
            let query =
                IdentityQuery { scope: scope.clone(), state: None, contains, without_factor, limit: 20, offset: 0 };
            assert!(store.accounts.identities(&query).await.unwrap().total > 0);
        }
    }
    for role in [None, Some("admin")] {
        assert!(!store.accounts.without_factor(tenant, role, 20).await.unwrap().is_empty());
    }
    for hashes in [true, false] {
        let query = AccountQuery { tenant: tenant.clone(), state: None, after: None, hashes, limit: 20 };
        assert_eq!(store.accounts.accounts(&query).await.unwrap().len(), 1);
    }
    assert!(store.accounts.tenant_with_accounts(None).await.unwrap().is_some());
    assert_eq!(store.accounts.ended_locks(at(0)).await, Ok(Vec::new()));
}

async fn sessions(store: &Stores, account: &Account) {
    let (tenant, session) = (account.tenant(), &account.session);
    let presented = store.access_tokens.authenticated_session(tenant, &session.token).await;
    assert!(matches!(presented, Ok(Lookup::Found(_))));
    assert!(matches!(store.sessions.refreshing(tenant, &account.refresh.hash).await, Ok(Lookup::Found(_))));
    assert_eq!(store.sessions.sessions(tenant, account.identity.id, at(0)).await.unwrap().len(), 1);
}

async fn session_lists(store: &Stores, account: &Account) {
    for scope in [Scope::from(account.tenant()), Scope::System] {
        assert!(store.sessions.session(&scope, account.session.id).await.unwrap().is_some());
        for identity in [None, Some(account.identity.id)] {
            let query = SessionQuery { scope: scope.clone(), identity, at: at(0), limit: 20, offset: 0 };
            assert!(store.sessions.active_sessions(&query).await.unwrap().total > 0);
            assert!(store.sessions.count_active_sessions(&scope, identity).await.unwrap() > 0);
        }
    }
    assert!(!store.sessions.active_sessions_by_tenant(at(0)).await.unwrap().is_empty());
}

async fn responses(store: &Stores, account: &Account) {
    let stored = StoredResponse {
        tenant: account.tenant().clone(),
        operator: "cli".to_owned(),
        key: "k".to_owned(),
        request: [5; 32],
        about: Some(account.identity.id),
        response: "1".to_owned(),
        at: at(0),
    };
    store.changes.commit(vec![Change::StoreResponse(Box::new(stored.clone()))]).await.unwrap();
    assert!(store.responses.stored_response(&stored.tenant, "cli", "k").await.unwrap().is_some());
    let ago = datetime!(2000-01-01 00:00 UTC);
    let expired = Expired {
        sessions: ago,
        attempts: ago,
        networks: ago,
        devices: ago,
        revocations: ago,
        responses: ago,
        one_time: ago,
        messages: ago,
    };
    assert_eq!(store.cleanup.has_expired(&expired).await, Ok(false));
    store.changes.commit(vec![Change::RemoveExpired(expired)]).await.unwrap();
}

async fn factors(store: &Stores, account: &Account) {
    let (tenant, whom) = (account.tenant().clone(), account.identity.id);
    let (app, code, issued) =
        (totp(&account.identity), recovery_code(&account.identity, 1), one_time(&account.identity));
    let FactorKind::RecoveryCode { hash } = code.kind else { unreachable!("a recovery code") };
    let factor = app.id;
    let (purpose, of) = (issued.purpose, issued.hash);
    let remove = |which| Change::Factor(FactorChange::Remove { tenant: tenant.clone(), identity: whom, which });
    let mut changes: Vec<_> = [
        FactorChange::Add(Box::new(app)),
        FactorChange::Add(Box::new(code)),
        FactorChange::Confirm { tenant: tenant.clone(), identity: whom, factor, step: 1, at: at(41) },
        FactorChange::UseTotp { tenant: tenant.clone(), identity: whom, factor, step: 2, at: at(42) },
        FactorChange::UseRecoveryCode { tenant: tenant.clone(), identity: whom, hash },
    ]
    .map(Change::Factor)
    .into();
    changes.extend([OneTimeChange::Issue(Box::new(issued))].map(Change::OneTime));
    let stepped_up = Session { token: token(), ..account.session.clone() };
    let presented = stepped_up.token;
    let back = SessionChange::StepUp { presented, session: Box::new(account.session.clone()) };
    let there = SessionChange::StepUp { presented: account.session.token, session: Box::new(stepped_up) };
    // Stepping up removes the refresh token, which is rotated below.
    let refresh = SessionChange::IssueRefresh(Box::new(account.refresh.clone()));
    let pin = SessionChange::Pin { tenant: tenant.clone(), session: account.session.id, token: account.session.token };
    changes.extend([there, back, pin, refresh].map(Change::Session));
    store.changes.commit(changes).await.unwrap();
    assert_eq!(store.factors.factors(&tenant, whom).await.unwrap().len(), 1);
    store.factors.newest_apps(20).await.unwrap();
    assert!(store.one_time.one_time(&tenant, purpose, &of, at(1)).await.unwrap().is_some());
    let mut changes: Vec<_> = [
        OneTimeChange::Try { tenant: tenant.clone(), purpose, hash: of, at: at(1) },
        OneTimeChange::Use { tenant: tenant.clone(), purpose, hash: of, at: at(1) },
        OneTimeChange::Void { tenant: tenant.clone(), identity: whom, purpose, since: at(0) },
    ]
    .map(Change::OneTime)
    .into();
    let removed = [Removed::UnconfirmedBefore(at(0)), Removed::RecoveryCodes, Removed::One(factor), Removed::All];
    changes.extend(removed.map(remove));
    store.changes.commit(changes).await.unwrap();
}

async fn passkeys(store: &Stores, account: &Account) {
    let (tenant, identity) = (account.tenant().clone(), account.identity.id);
    let key = passkey(&account.identity, b"key");
    let factor = key.id;
    let (counter, backed_up, name) = (8, true, "mine".to_owned());
    let ways_in = WaysIn { password: true, passkey: true, link: None };
    let pin = |known| FactorChange::Pin { tenant: tenant.clone(), identity, known };
    let mut app = totp(&account.identity);
    app.kind = FactorKind::Totp { secret: Sealed(vec![7; 16]), confirmed: true, last_step: 1 };
    let mut changes: Vec<_> = [
        pin(KnownFactors::Nothing),
        pin(KnownFactors::NoApp),
        FactorChange::Add(Box::new(app)),
        pin(KnownFactors::Apps),
        FactorChange::KeepWayIn { tenant: tenant.clone(), identity, without: factor, ways_in },
        FactorChange::Add(Box::new(key)),
        pin(KnownFactors::Passkey { one: factor, most: 2 }),
        FactorChange::UsePasskey { tenant: tenant.clone(), identity, factor, counter, backed_up, at: at(43) },
        FactorChange::Rename { tenant: tenant.clone(), identity, factor, name, at: at(43) },
    ]
    .map(Change::Factor)
    .into();
    changes.push(Change::OneTime(OneTimeChange::Issue(Box::new(ceremony(&tenant)))));
    let replaced = [ceremony(&tenant), one_time(&account.identity)];
    changes.extend(replaced.map(|token| Change::OneTime(OneTimeChange::Replace(Box::new(token)))));
    store.changes.commit(changes).await.unwrap();
    assert_eq!(store.factors.passkey(&tenant, b"key").await.unwrap().unwrap().name, "mine");
    assert_eq!(store.factors.passkeys(&tenant, identity).await.unwrap().len(), 1);
}

async fn devices(store: &Stores, account: &Account) {
    let added = device(&account.identity);
    let (tenant, identity, device, at) = (added.tenant.clone(), added.identity, added.id, at(44));
    let client = client("192.0.2.7");
    let (of, trust) = (tenant.clone(), Trust { since: at, epoch: 7 });
    let using = |trust| DeviceChange::Use { tenant: of.clone(), identity, device, client: client.clone(), at, trust };
    let (first, second) = (using(None), using(Some((token(), trust))));
    let pin = DeviceChange::Pin { tenant: tenant.clone(), identity, device, since: at };
    let mut changes = vec![add_device(&added)];
    changes.extend([first, second, pin].map(Change::Device));
    store.changes.commit(changes).await.unwrap();
    assert_eq!(store.devices.devices(&tenant, identity).await.unwrap().len(), 1);
    let forget = Change::Device(DeviceChange::Forget { tenant, identity, device });
    store.changes.commit(vec![forget]).await.unwrap();
}

/// Enqueues messages, leases them, and ends each lease in another way.
async fn outbox(store: &Stores, account: &Account) {
    let (tenant, identity) = (account.tenant(), account.identity.id);
    let to = |owner| Message { due_at: at(-9), ..message(tenant, owner) };
    let all = [to(Some(identity)), to(None), to(None), to(None)];
    store.changes.commit(all.iter().map(enqueue).collect()).await.unwrap();
    let name = unique();
    store.changes.commit(vec![lease(name, 4, -9)]).await.unwrap();
    assert_eq!(store.outbox.leased(name).await.unwrap().len(), 4);

    let [first, second, third, fourth] = all.map(|message| message.id);
    let (tenant, lease, data, error) = (|| tenant.clone(), name, Sealed(vec![1]), || "late".to_owned());
    let ends = [
        OutboxChange::Prepare { tenant: tenant(), message: second, lease, identity, data },
        OutboxChange::Deliver { tenant: tenant(), message: first, lease, at: at(0) },
        OutboxChange::Postpone { tenant: tenant(), message: second, lease, due_at: at(9), error: error() },
        OutboxChange::GiveUp { tenant: tenant(), message: third, lease, at: at(0), error: error() },
        OutboxChange::Drop { tenant: tenant(), message: fourth, lease },
    ];
    store.changes.commit(ends.map(Change::Outbox).into()).await.unwrap();
    for (scope, message) in [(Scope::from(&tenant()), first), (Scope::System, third)] {
        assert!(store.outbox.message(&scope, message).await.unwrap().is_some());
        for state in [None, Some(MessageState::Due)] {
            let query = MessageQuery { scope: scope.clone(), state, limit: 20, offset: 0 };
            assert!(store.outbox.messages(&query).await.unwrap().total > 0);
        }
    }
    assert!(store.outbox.backlog().await.unwrap().dead > 0);
    let changes = [
        OutboxChange::Retry { scope: Scope::System, message: third, at: at(0) },
        OutboxChange::Discard { scope: Scope::System, message: third },
    ];
    store.changes.commit(changes.map(Change::Outbox).into()).await.unwrap();
}

/// Reads the audit trail in every way, and purges nothing of it.
async fn trail(store: &Stores, account: &Account) {
    let (tenant, whom) = (account.tenant(), account.identity.id);
    // Others' events, which must not be read to find these.
    let other = identity(tenant);
    store.changes.commit((0..30).map(|_| record(&event(&other))).collect()).await.unwrap();
    store.changes.commit(vec![record(&event(&account.identity))]).await.unwrap();
    assert_eq!(store.audit.events_about(tenant, whom).await.unwrap().len(), 2);
    for scope in [Scope::from(tenant), Scope::System] {
        let all = EventQuery::all(scope.clone());
        let of_subject = EventQuery { subject: Some(whom.to_string()), ..all.clone() };
        let of_actor = EventQuery { actor: Some(whom.to_string()), ..all.clone() };
        for query in [all, of_subject, of_actor] {
            for order in [EventOrder::OldestFirst, EventOrder::NewestFirst] {
                let page = store.audit.events(&EventQuery { order, ..query.clone() }, None, 10).await.unwrap();
                assert!(!page.events.is_empty());
            }
        }
        assert!(store.audit.count_events(&scope, at(2_000_000)).await.unwrap().contains(&(tenant.clone(), 32)));
        let ago = Timestamp::UNIX_EPOCH;
        let purge = PurgeEvents { scope, until: ago, parts_until: ago };
        store.changes.commit(vec![Change::PurgeEvents(purge)]).await.unwrap();
    }
}

/// Changes the account in every way, and removes it.
async fn writes(store: &Stores, account: &Account) {
    let (tenant, whom, session) = (account.tenant().clone(), account.identity.id, account.session.id);
    let next = refresh_token(&account.session);
    let changed = next_password(&account.password);
    let credential = next_password(&changed);
    let mut changes = vec![
        Change::Account(AccountChange::Pin { tenant: tenant.clone(), identity: whom, version: 3 }),
        Change::Account(AccountChange::ReplaceTraits {
            tenant: tenant.clone(),
            identity: whom,
            expected: 3,
            traits: account.identity.traits.clone(),
            identifiers: vec![named("email", account.name.as_str())],
            verified: Vec::new(),
            at: at(1),
        }),
        Change::Credential(CredentialChange::ChangePassword {
            credential: Box::new(changed),
            former: vec![account.password.secret.clone()],
        }),
        Change::Credential(CredentialChange::Replace(Box::new(credential.clone()))),
        Change::Credential(CredentialChange::Use {
            tenant: tenant.clone(),
            credential: credential.id,
            version: credential.version,
            at: at(1),
        }),
        Change::Session(SessionChange::Touch { tenant: tenant.clone(), session, at: at(60) }),
        rotation(&account.refresh, &next),
        Change::Session(SessionChange::Renew {
            tenant: tenant.clone(),
            session,
            token: token(),
            expires_at: at(9_000),
            at: at(60),
        }),
        Change::Session(SessionChange::Revoke { tenant: tenant.clone(), identity: whom, session }),
    ];
    for scope in [Scope::from(&tenant), Scope::System] {
        for except in [None, Some(session)] {
            let revoke = SessionChange::RevokeOf { scope: scope.clone(), identity: whom, except };
            changes.push(Change::Session(revoke));
        }
        changes.push(Change::Account(AccountChange::SetState {
            scope,
            identity: whom,
            expected: None,
            state: State::Locked,
            until: Some(at(99)),
            at: at(1),
        }));
    }
    store.changes.commit(changes).await.unwrap();
    for scope in [Scope::from(&tenant), Scope::System] {
        let revoke = SessionChange::RevokeAll { scope: scope.clone(), epoch: 7 };
        store.changes.commit(vec![Change::Session(revoke)]).await.unwrap();
        let delete = AccountChange::Delete { scope: scope.clone(), identity: whom, expected: None };
        let deleted = store.changes.commit(vec![Change::Account(delete)]).await;
        // The second time it is gone.
        assert_eq!(deleted.is_ok(), scope != Scope::System);
    }
    assert_eq!(store.accounts.identity(&Scope::System, whom).await, Ok(None));
}

async fn keys(store: &Stores) {
    let data_key = |version| WrappedKey {
        wrapped: Sealed(vec![1; 61]),
        by: Wrapper::DataKey,
        version,
        created_at: at(0),
        updated_at: at(0),
    };
    let signing_key = SealedKey {
        id: KeyId(uuid()),
        scope: Scope::System,
        purpose: KeyPurpose::AuditSeal,
        sealed: Sealed(vec![1; 61]),
        public: [1; 32],
        created_at: at(0),
    };
    let revocation = Revocation { id: AdminTokenId(uuid()), by: Scope::System, expires_at: at(9), at: at(0) };
    let changes = vec![
        Change::Key(KeyChange::StoreDataKey(Box::new(data_key(1)))),
        Change::Key(KeyChange::RewrapDataKey(Box::new(data_key(2)))),
        Change::Key(KeyChange::StoreSigningKey(Box::new(signing_key))),
        Change::RevokeAdminToken(Box::new(revocation.clone())),
    ];
    store.changes.commit(changes).await.unwrap();
    assert!(store.keys.data_key().await.unwrap().is_some());
    assert_eq!(store.revocations.revocations(&Scope::System, &[revocation.id]).await, Ok(vec![revocation.id]));
    assert!(store.keys.signing_key(&Scope::System, KeyPurpose::AuditSeal).await.unwrap().is_some());
}
