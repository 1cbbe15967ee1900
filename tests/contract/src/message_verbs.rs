//! What can be done with messages: verbs of the matrix.

use kayan_ports::{Change, MessageQuery, OutboxChange, Sealed};

use crate::{
    sample::{at, enqueue, message},
    store::matrix::commits,
    verb::{Verb, by_scope, by_tenant},
};

pub(crate) fn messages() -> Vec<Verb> {
    vec![
        by_scope("messages", "read", |it, store, scope| {
            Box::pin(async { store.outbox.message(scope, it.message.id).await.unwrap().is_some() })
        }),
        by_scope("messages", "list", |it, store, scope| {
            Box::pin(async {
                let query = MessageQuery { scope: scope.clone(), state: None, limit: 100, offset: 0 };
                let page = store.outbox.messages(&query).await.unwrap();
                page.rows.iter().any(|message| message.id == it.message.id)
            })
        }),
        by_scope("messages", "list by state", |it, store, scope| {
            Box::pin(async {
                let state = Some(it.message.state);
                let query = MessageQuery { scope: scope.clone(), state, limit: 100, offset: 0 };
                let page = store.outbox.messages(&query).await.unwrap();
                page.rows.iter().any(|message| message.id == it.message.id)
            })
        }),
        by_tenant("messages", "enqueue", |it, store, tenant| {
            let message = message(tenant, Some(it.admin.id));
            Box::pin(async move { commits(store, enqueue(&message)).await })
        }),
        by_tenant("messages", "prepare", |it, store, tenant| {
            let ((leased, lease), identity, data) = (&it.leased, it.admin.id, Sealed(vec![1]));
            let (tenant, message, lease) = (tenant.clone(), leased.id, *lease);
            let change = OutboxChange::Prepare { tenant, message, lease, identity, data };
            Box::pin(commits(store, Change::Outbox(change)))
        }),
        by_tenant("messages", "deliver", |it, store, tenant| {
            let (leased, lease) = &it.leased;
            let (tenant, message, lease) = (tenant.clone(), leased.id, *lease);
            Box::pin(commits(store, Change::Outbox(OutboxChange::Deliver { tenant, message, lease, at: at(9) })))
        }),
        by_tenant("messages", "postpone", |it, store, tenant| {
            let (leased, lease) = &it.leased;
            let (tenant, message, lease, error) = (tenant.clone(), leased.id, *lease, "421".to_owned());
            let change = OutboxChange::Postpone { tenant, message, lease, due_at: at(9), error };
            Box::pin(commits(store, Change::Outbox(change)))
        }),
        by_tenant("messages", "give up", |it, store, tenant| {
            let (leased, lease) = &it.leased;
            let (tenant, message, lease, error) = (tenant.clone(), leased.id, *lease, "550".to_owned());
            let change = OutboxChange::GiveUp { tenant, message, lease, at: at(9), error };
            Box::pin(commits(store, Change::Outbox(change)))
        }),
        by_tenant("messages", "drop", |it, store, tenant| {
            let (leased, lease) = &it.leased;
            let (tenant, message, lease) = (tenant.clone(), leased.id, *lease);
            Box::pin(commits(store, Change::Outbox(OutboxChange::Drop { tenant, message, lease })))
        }),
        by_scope("messages", "retry", |it, store, scope| {
            let (scope, message) = (scope.clone(), it.message.id);
            Box::pin(commits(store, Change::Outbox(OutboxChange::Retry { scope, message, at: at(9) })))
        }),
        by_scope("messages", "discard", |it, store, scope| {
            let (scope, message) = (scope.clone(), it.message.id);
            Box::pin(commits(store, Change::Outbox(OutboxChange::Discard { scope, message })))
        }),
    ]
}
