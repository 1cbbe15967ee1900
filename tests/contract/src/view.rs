//! All that can be read of one account.

use std::sync::Arc;

use kayan_ports::{
    AuditEvent, AuthenticatedSession, Client, Credential, Failure, Identifier, Identity, Known, LoginCandidate, Lookup,
    Refreshing, Scope, Session, Stores, TenantId, TokenHash,
};

use crate::sample::{Account, at};

/// An account as the reads show it; two of them are equal when nothing changed in between.
#[derive(Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) identity: Option<Identity>,
    pub(crate) login_candidate: Lookup<Known>,
    pub(crate) password: Option<Credential>,
    pub(crate) authenticated_session: Lookup<Arc<AuthenticatedSession>>,
    pub(crate) refreshing: Lookup<Refreshing>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) events: Vec<AuditEvent>,
}

impl View {
    pub(crate) async fn of(store: &Stores, account: &Account) -> Self {
        let (tenant, id) = (account.tenant(), account.identity.id);
        Self {
            identity: store.accounts.identity(&Scope::System, id).await.unwrap(),
            login_candidate: login_candidate(store, tenant, &account.name, &Client::default()).await.unwrap(),
            password: store.credentials.password(&Scope::System, id).await.unwrap(),
            authenticated_session: store
                .access_tokens
                .authenticated_session(tenant, &account.session.token)
                .await
                .unwrap(),
            refreshing: store.sessions.refreshing(tenant, &account.refresh.hash).await.unwrap(),
            sessions: store.sessions.sessions(tenant, id, at(0)).await.unwrap(),
            events: store.audit.events_about(tenant, id).await.unwrap(),
        }
    }

    /// What must be read after a registration.
    pub(crate) fn expected(account: &Account) -> Self {
        let (session, identity) = (account.session.clone(), account.identity.clone());
        Self {
            identity: Some(identity.clone()),
            login_candidate: Lookup::Found(Known {
                has_second_factor: false,
                identity: identity.clone(),
                password: Some(account.password.clone()),
                known_network: false,
                device: None,
            }),
            password: Some(account.password.clone()),
            authenticated_session: Lookup::Found(Arc::new(AuthenticatedSession {
                session: session.clone(),
                identity: identity.clone(),
                settings: kayan_ports::TenantSettings::default(),
            })),
            refreshing: Lookup::Found(Refreshing {
                settings: kayan_ports::TenantSettings::default(),
                token: account.refresh.clone(),
                session: session.clone(),
                identity,
            }),
            sessions: vec![session],
            events: vec![account.event.clone()],
        }
    }

    /// What must be read of an account that never was.
    pub(crate) fn of_nobody() -> Self {
        Self {
            identity: None,
            login_candidate: Lookup::Absent,
            password: None,
            authenticated_session: Lookup::Absent,
            refreshing: Lookup::Absent,
            sessions: vec![],
            events: vec![],
        }
    }
}

/// The session that is presented by `token`, and its owner.
pub(crate) async fn authenticated_session(
    store: &Stores,
    account: &Account,
    token: &TokenHash,
) -> Arc<AuthenticatedSession> {
    match store.access_tokens.authenticated_session(account.tenant(), token).await.unwrap() {
        Lookup::Found(presented) => presented,
        other => panic!("no session has this token: {other:?}"),
    }
}

pub(crate) async fn session_is_active(store: &Stores, account: &Account) -> bool {
    authenticated_session(store, account, &account.session.token).await.session.active
}

pub(crate) async fn identity(store: &Stores, account: &Account) -> Identity {
    store.accounts.identity(&Scope::System, account.identity.id).await.unwrap().expect("an identity")
}

/// Who has an identifier, told like the other look-ups.
pub(crate) async fn login_candidate(
    store: &Stores,
    tenant: &TenantId,
    identifier: &Identifier,
    client: &Client,
) -> Result<Lookup<Known>, Failure> {
    Ok(match store.credentials.login_candidate(tenant, identifier, client, None).await? {
        None => Lookup::NoTenant,
        Some(LoginCandidate { known: None, .. }) => Lookup::Absent,
        Some(LoginCandidate { known: Some(known), .. }) => Lookup::Found(known),
    })
}
