//! What can be done with a row of a table, by its tenant or by another caller.

use std::{future::Future, pin::Pin};

use kayan_ports::{Scope, Stores, TenantId};

use crate::thing::Thing;

pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// Something that can be done with a row of a table: whether it was reached, as seen by its owner afterwards.
pub(crate) struct Verb {
    pub(crate) table: &'static str,
    pub(crate) name: &'static str,
    /// Whether the system reaches it; `None`: only a tenant can.
    pub(crate) system: Option<bool>,
    pub(crate) way: Way,
}

/// As a caller, with a thing.
pub(crate) type Run<Asking> = Box<dyn for<'a> Fn(&'a Thing, &'a Stores, &'a Asking) -> Answer<'a>>;

/// Who can ask.
pub(crate) enum Way {
    Scope(Run<Scope>),
    Tenant(Run<TenantId>),
}

impl Verb {
    pub(crate) async fn reaches(&self, thing: &Thing, store: &Stores, asking: &Scope) -> bool {
        match (&self.way, asking) {
            (Way::Scope(run), scope) => run(thing, store, scope).await,
            (Way::Tenant(run), Scope::Tenant(tenant)) => run(thing, store, tenant).await,
            (Way::Tenant(_), Scope::System) => false,
        }
    }
}

/// By what may be seen: a tenant's, or everybody's.
pub(crate) fn by_scope(
    table: &'static str,
    name: &'static str,
    run: impl for<'a> Fn(&'a Thing, &'a Stores, &'a Scope) -> Answer<'a> + 'static,
) -> Verb {
    Verb { table, name, system: Some(true), way: Way::Scope(Box::new(run)) }
}

/// By a tenant.
pub(crate) fn by_tenant(
    table: &'static str,
    name: &'static str,
    run: impl for<'a> Fn(&'a Thing, &'a Stores, &'a TenantId) -> Answer<'a> + 'static,
) -> Verb {
    Verb { table, name, system: None, way: Way::Tenant(Box::new(run)) }
}
