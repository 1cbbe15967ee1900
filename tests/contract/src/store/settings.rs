//! Tenants, and what they set for themselves.

use kayan_ports::{
    AccountChange, Change, Channel, Client, CommitError, Guard, JwsAlgorithm, JwtAudience, Lookup, Method,
    OptionalNotice, Tenant, TenantChange, TenantId, TenantLimit, TenantQuery, TenantSettings, Unique, WorkPurpose,
};

use crate::{
    Bench,
    sample::{Account, at, creation, identifier, identity, named, record, tenant, token, unique},
    view,
};

fn sample() -> Tenant {
    let settings = TenantSettings {
        methods: Some(vec![Method::Password]),
        session_ttl: Some(600),
        refresh_ttl: Some(3_600),
        session_max_ttl: Some(7_200),
        password_min_length: Some(12),
        password_max_length: Some(64),
        password_min_score: Some(3),
        password_history: Some(24),
        password_breach_check: Some(true),
        password_max_age_days: Some(365),
        mfa_code_channels: vec![Channel::Sms, Channel::Mail],
        trusted_device_days: Some(30),
        mfa_required: true,
        mfa_required_from: Some(at(5)),
        mfa_required_roles: Some(vec!["admin".to_owned()]),
        verification_required: true,
        refuse_disposable_addresses: true,
        language: Some("de".to_owned()),
        notices_off: vec![OptionalNotice::NewDevice],
        proof_of_work: Some(vec![WorkPurpose::Registration, WorkPurpose::MagicLink]),
        proof_of_work_after_failures: Some(3),
        proof_of_work_difficulty: Some(50_000),
        jwt_audiences: vec![JwtAudience {
            audience: "https://api.example".to_owned(),
            algorithm: Some(JwsAlgorithm::EdDsa),
            ttl: Some(60),
            claims: [("roles".to_owned(), "{{identity.roles}}".into())].into_iter().collect(),
        }],
        session_audience: Some("https://api.example".to_owned()),
        login_limit: Some(TenantLimit { requests: 3, window: 60 }),
        registration_limit: Some(TenantLimit { requests: 1, window: 1 }),
    };
    let id = tenant(&format!("t{}", unique().simple()));
    Tenant {
        epoch: 0,
        id,
        name: "Ärzte & «Söhne»".to_owned(),
        active: true,
        settings,
        created_at: at(1),
        updated_at: at(2),
        version: 1,
    }
}

async fn create(bench: &dyn Bench, tenant: &Tenant) {
    bench.store().changes.commit(vec![Change::Tenant(TenantChange::Create(Box::new(tenant.clone())))]).await.unwrap();
}

fn stale(guard: Guard) -> Result<(), CommitError> {
    Err(CommitError::Stale(guard))
}

pub async fn a_tenant_comes_back_as_it_went_in(bench: &dyn Bench) {
    let (acme, store) = (sample(), bench.store());
    assert_eq!(store.tenants.tenant(&acme.id).await, Ok(None));
    create(bench, &acme).await;
    assert_eq!(store.tenants.tenant(&acme.id).await, Ok(Some(acme.clone())));
    let plain = Tenant {
        epoch: 0,
        name: String::new(),
        active: false,
        settings: TenantSettings::default(),
        updated_at: at(3),
        version: 2,
        ..acme
    };
    store.changes.commit(vec![Change::Tenant(TenantChange::Replace(Box::new(plain.clone())))]).await.unwrap();
    assert_eq!(store.tenants.tenant(&plain.id).await, Ok(Some(plain)));
    let default = store.tenants.tenant(&TenantId::default()).await.unwrap().unwrap();
    assert_eq!((default.active, default.settings), (true, TenantSettings::default()));
}

pub async fn a_tenants_name_is_taken_once(bench: &dyn Bench) {
    let acme = sample();
    create(bench, &acme).await;
    let again = bench.store().changes.commit(vec![Change::Tenant(TenantChange::Create(Box::new(acme)))]).await;
    assert_eq!(again, Err(CommitError::Conflict(Unique::Tenant)));
}

pub async fn a_tenant_changed_meanwhile_is_not_overwritten(bench: &dyn Bench) {
    let (acme, store) = (sample(), bench.store());
    create(bench, &acme).await;
    let second = Tenant { version: 2, ..acme };
    store.changes.commit(vec![Change::Tenant(TenantChange::Replace(Box::new(second.clone())))]).await.unwrap();
    assert_eq!(
        store.changes.commit(vec![Change::Tenant(TenantChange::Replace(Box::new(second.clone())))]).await,
        stale(Guard::Tenant)
    );
    let delete = Change::Tenant(TenantChange::Delete { tenant: second.id.clone(), expected: 1 });
    assert_eq!(store.changes.commit(vec![delete]).await, stale(Guard::Tenant));
    assert_eq!(store.tenants.tenant(&second.id).await, Ok(Some(second)));
}

pub async fn what_a_tenant_has_set_is_told_with_a_login_and_a_refresh(bench: &dyn Bench) {
    let (acme, store) = (sample(), bench.store());
    create(bench, &acme).await;
    let unknown = store
        .credentials
        .login_candidate(&acme.id, &identifier("nobody@example.org"), &Client::default(), None)
        .await
        .unwrap();
    assert_eq!(unknown.map(|found| found.settings), Some(acme.settings.clone()), "known or not");
    let anna = Account::register(&store, &acme.id, "anna@example.org").await;
    let known = store.credentials.login_candidate(&acme.id, &anna.name, &Client::default(), None).await.unwrap();
    assert_eq!(known.map(|found| found.settings), Some(acme.settings.clone()));
    let Lookup::Found(refreshing) = store.sessions.refreshing(&acme.id, &anna.refresh.hash).await.unwrap() else {
        panic!("the refresh token is gone")
    };
    assert_eq!(refreshing.settings, acme.settings);
}

pub async fn a_closed_tenant_opens_nothing(bench: &dyn Bench) {
    let (acme, store) = (sample(), bench.store());
    create(bench, &acme).await;
    let anna = Account::register(&store, &acme.id, "anna@example.org").await;
    let closed = Tenant { active: false, version: 2, ..acme };
    store.changes.commit(vec![Change::Tenant(TenantChange::Replace(Box::new(closed.clone())))]).await.unwrap();
    let tenant = &closed.id;
    assert_eq!(view::login_candidate(&store, tenant, &anna.name, &Client::default()).await, Ok(Lookup::NoTenant));
    assert_eq!(store.access_tokens.authenticated_session(tenant, &anna.session.token).await, Ok(Lookup::NoTenant));
    assert_eq!(store.sessions.refreshing(tenant, &token()).await, Ok(Lookup::NoTenant));
}

pub async fn a_tenant_with_identities_is_not_deleted(bench: &dyn Bench) {
    let (acme, store) = (sample(), bench.store());
    create(bench, &acme).await;
    let anna = identity(&acme.id);
    store.changes.commit(vec![creation(&anna, vec![named("email", "anna@example.org")])]).await.unwrap();
    let delete = || Change::Tenant(TenantChange::Delete { tenant: acme.id.clone(), expected: 1 });
    assert_eq!(store.changes.commit(vec![delete()]).await, stale(Guard::TenantInUse));
    assert_eq!(store.tenants.tenant(&acme.id).await, Ok(Some(acme.clone())), "nothing has changed");
    let gone = Change::Account(AccountChange::Delete { scope: (&acme.id).into(), identity: anna.id, expected: None });
    store.changes.commit(vec![gone]).await.unwrap();
    store.changes.commit(vec![delete()]).await.unwrap();
}

pub async fn a_deleted_tenant_is_no_tenant_and_its_events_stay(bench: &dyn Bench) {
    let (acme, store) = (sample(), bench.store());
    create(bench, &acme).await;
    let event = crate::sample::event(&identity(&acme.id));
    let delete = Change::Tenant(TenantChange::Delete { tenant: acme.id.clone(), expected: 1 });
    store.changes.commit(vec![record(&event), delete]).await.unwrap();
    assert_eq!(store.tenants.tenant(&acme.id).await, Ok(None));
    let found = view::login_candidate(&store, &acme.id, &identifier("anna@example.org"), &Client::default()).await;
    assert_eq!(found, Ok(Lookup::NoTenant));
    let subject = event.subject.as_deref().and_then(|id| id.parse().ok()).unwrap();
    assert_eq!(store.audit.events_about(&acme.id, subject).await, Ok(vec![event]));
}

pub async fn tenants_are_listed_by_name_in_disjoint_pages(bench: &dyn Bench) {
    let store = bench.store();
    let mut made: Vec<Tenant> = (0..5).map(|_| sample()).collect();
    for tenant in &made {
        create(bench, tenant).await;
    }
    made.sort_by(|one, other| one.id.cmp(&other.id));
    let (mut seen, mut offset) = (Vec::new(), 0);
    loop {
        let page = store.tenants.tenants(&TenantQuery { only: None, limit: 2, offset }).await.unwrap();
        assert!(page.total >= 6, "with the default one");
        if page.rows.is_empty() {
            break;
        }
        offset += 2;
        seen.extend(page.rows);
    }
    assert!(seen.is_sorted_by(|one, next| one.id < next.id));
    let listed: Vec<_> = seen.into_iter().filter(|tenant| made.iter().any(|made| made.id == tenant.id)).collect();
    assert_eq!(listed, made);
    let only = TenantQuery { only: Some(made[2].id.clone()), limit: 2, offset: 0 };
    assert_eq!(store.tenants.tenants(&only).await.unwrap().rows, [made[2].clone()]);
}
