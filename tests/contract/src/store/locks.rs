//! The order of locks: lists of changes wait for each other in turn, and never both for the other.

use kayan_ports::{
    AccountChange, Change, CommitError, CredentialChange, Expired, Failure, Guard, Identity, RefreshToken, RoleChange,
    Scope, Session, SessionChange, State, Tenant, TenantChange, TenantId, TenantSettings, Traits,
};
use serde_json::json;

use crate::{
    Bench,
    race::race,
    sample::{
        Account, add_device, at, creation, device, identity, named, next_password, object, refresh_token, rotation,
        session, tenant, token, unique,
    },
};

/// How many of each of the two kinds run at once, each on a session of its own.
const ABREAST: usize = 3;
/// Sessions besides these, so that a list that locks all of them is still at it when another one begins.
const OTHERS: usize = 30;

/// A user with sessions, and the tenant's state.
struct Scene {
    account: Account,
    sessions: Vec<(Session, RefreshToken)>,
}

impl Scene {
    async fn set(bench: &dyn Bench, name: &str) -> Self {
        let tenant = tenant(&format!("t{}", unique().simple()));
        bench.add_tenant(&tenant, true).await;
        let account = Account::of(&tenant, name);
        let mut changes = account.registration();
        let mut sessions = vec![(account.session.clone(), account.refresh.clone())];
        for _ in 1..ABREAST + OTHERS {
            let session = session(&account.identity);
            let token = refresh_token(&session);
            changes.push(Change::Session(SessionChange::Open(Box::new(session.clone()))));
            changes.push(Change::Session(SessionChange::IssueRefresh(Box::new(token.clone()))));
            sessions.push((session, token));
        }
        let admin = Identity { roles: vec!["admin".to_owned()], ..identity(&tenant) };
        changes.push(creation(&admin, vec![named("email", "admin@example.org")]));
        bench.store().changes.commit(changes).await.unwrap();
        Self { account, sessions }
    }

    fn tenant(&self) -> TenantId {
        self.account.tenant().clone()
    }

    fn hold_roles(&self) -> Change {
        Change::Role(RoleChange::Pin { tenant: self.tenant(), version: 1 })
    }

    fn hold(&self) -> Change {
        Change::Account(AccountChange::Pin { tenant: self.tenant(), identity: self.account.identity.id, version: 1 })
    }

    fn prove(&self) -> Change {
        let credential = &self.account.password;
        Change::Credential(CredentialChange::Use {
            tenant: self.tenant(),
            credential: credential.id,
            version: 1,
            at: at(50),
        })
    }

    fn revoke_all(&self) -> Change {
        let (scope, identity) = (Scope::Tenant(self.tenant()), self.account.identity.id);
        Change::Session(SessionChange::RevokeOf { scope, identity, except: None })
    }

    fn delete(&self) -> Change {
        let (scope, identity) = (Scope::Tenant(self.tenant()), self.account.identity.id);
        Change::Account(AccountChange::Delete { scope, identity, expected: None })
    }

    fn set_state(&self) -> Change {
        let (scope, identity) = (Scope::Tenant(self.tenant()), self.account.identity.id);
        Change::Account(AccountChange::SetState {
            scope,
            identity,
            expected: None,
            state: State::Locked,
            until: Some(at(900)),
            at: at(60),
        })
    }
}

/// The lists that use-cases commit, and on which of the sessions.
type Kind = (&'static str, fn(&Scene, usize) -> Vec<Change>);

fn kinds() -> Vec<Kind> {
    vec![
        ("log in", |it, _| {
            let session = session(&it.account.identity);
            let token = refresh_token(&session);
            vec![
                Change::Session(SessionChange::Open(Box::new(session))),
                Change::Session(SessionChange::IssueRefresh(Box::new(token))),
                it.prove(),
                add_device(&device(&it.account.identity)),
            ]
        }),
        ("refresh", |it, number| {
            let (session, spent) = &it.sessions[number % ABREAST];
            let renew = Change::Session(SessionChange::Renew {
                tenant: it.tenant(),
                session: session.id,
                token: token(),
                expires_at: at(9_000),
                at: at(60),
            });
            vec![renew, rotation(spent, &refresh_token(session))]
        }),
        ("be seen", |it, number| {
            let (tenant, session) = (it.tenant(), it.sessions[number % ABREAST].0.id);
            vec![Change::Session(SessionChange::Touch { tenant, session, at: at(70) })]
        }),
        ("log out", |it, number| {
            let (tenant, identity) = (it.tenant(), it.account.identity.id);
            vec![Change::Session(SessionChange::Revoke {
                tenant,
                identity,
                session: it.sessions[number % ABREAST].0.id,
            })]
        }),
        ("revoke an identity's sessions", |it, _| vec![it.revoke_all()]),
        ("change one's password", |it, _| {
            vec![
                it.revoke_all(),
                Change::Credential(CredentialChange::Replace(Box::new(next_password(&it.account.password)))),
            ]
        }),
        ("set a password", |it, _| {
            let next = Change::Credential(CredentialChange::Replace(Box::new(next_password(&it.account.password))));
            vec![it.hold_roles(), it.hold(), it.revoke_all(), next]
        }),
        ("replace the traits", |it, number| {
            vec![Change::Account(AccountChange::ReplaceTraits {
                tenant: it.tenant(),
                identity: it.account.identity.id,
                expected: 1,
                traits: Traits(object(json!({ "number": number }))),
                identifiers: vec![named("email", "anna@example.org")],
                verified: vec![],
                at: at(100),
            })]
        }),
        ("lock", |it, _| {
            vec![it.hold_roles(), it.set_state(), it.revoke_all(), Change::Role(RoleChange::RequireAdmin(it.tenant()))]
        }),
        ("set the roles", |it, number| {
            let (tenant, roles) = (it.tenant(), vec![format!("r{number}")]);
            let identity = it.account.identity.id;
            vec![it.hold_roles(), Change::Role(RoleChange::Assign { tenant, identity, expected: 1, roles, at: at(60) })]
        }),
        ("delete", |it, _| vec![it.hold_roles(), it.delete(), Change::Role(RoleChange::RequireAdmin(it.tenant()))]),
        ("delete oneself", |it, _| vec![it.hold(), it.prove(), it.delete()]),
        ("remove what is outdated", |_, _| {
            let all = at(99_999);
            vec![Change::RemoveExpired(Expired {
                sessions: all,
                attempts: all,
                networks: all,
                devices: all,
                revocations: all,
                responses: all,
                one_time: all,
                messages: all,
            })]
        }),
        ("revoke a tenant's sessions", |it, number| {
            let epoch = i64::try_from(number).unwrap() + 1;
            vec![Change::Session(SessionChange::RevokeAll { scope: Scope::Tenant(it.tenant()), epoch })]
        }),
        ("change the tenant", |it, _| {
            vec![Change::Tenant(TenantChange::Replace(Box::new(Tenant {
                id: it.tenant(),
                name: "Ämter".to_owned(),
                active: true,
                settings: TenantSettings::default(),
                created_at: at(0),
                updated_at: at(60),
                version: 2,
                epoch: 0,
            })))]
        }),
    ]
}

/// The lists of each kind and of each other one, on one identity at once. Lists that wait for each other take until the
/// database gives one of them up.
pub async fn no_two_lists_on_one_identity_wait_for_each_other(bench: &dyn Bench) {
    let store = bench.store();
    let kinds = kinds();
    for (number, (name, list)) in kinds.iter().enumerate() {
        for (other_name, other) in &kinds[number..] {
            let scene = Scene::set(bench, "anna@example.org").await;
            let lists: Vec<_> = (0..ABREAST).flat_map(|number| [list(&scene, number), other(&scene, number)]).collect();
            assert!(lists.iter().all(|list| Change::in_lock_order(list)), "{name} and {other_name}");
            for outcome in race(&store, lists).await {
                let broke = matches!(outcome, Err(CommitError::Failed(Failure::Unavailable(_) | Failure::Fault(_))));
                assert!(!broke, "{name} and {other_name}: {outcome:?}");
            }
        }
    }
}

pub async fn an_identity_that_was_held_is_the_one_that_was_read(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let hold = |tenant: &TenantId, version| {
        Change::Account(AccountChange::Pin { tenant: tenant.clone(), identity: anna.identity.id, version })
    };
    store.changes.commit(vec![hold(anna.tenant(), 1)]).await.unwrap();
    let found = store.accounts.identity(&Scope::System, anna.identity.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&anna.identity), "holding changes nothing");
    for refused in [hold(anna.tenant(), 2), hold(&tenant("nowhere"), 1)] {
        assert_eq!(store.changes.commit(vec![refused]).await, Err(CommitError::Stale(Guard::Identity)));
    }
}
