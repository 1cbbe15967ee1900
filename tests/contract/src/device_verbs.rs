//! What can be done with devices: verbs of the matrix.

use kayan_ports::{Change, Device, DeviceChange};

use crate::{
    sample::{add_device, at, client, device},
    store::matrix::commits,
    verb::{Verb, by_tenant},
};

pub(crate) fn devices() -> Vec<Verb> {
    vec![
        by_tenant("devices", "read", |it, store, tenant| {
            Box::pin(async { !store.devices.devices(tenant, it.account.identity.id).await.unwrap().is_empty() })
        }),
        by_tenant("devices", "recognise", |it, store, tenant| {
            Box::pin(async {
                let (token, client) = (Some(&it.device.token), client("192.0.2.7"));
                let found = store.credentials.login_candidate(tenant, &it.account.name, &client, token).await.unwrap();
                found.and_then(|found| found.known).is_some_and(|known| known.device.is_some())
            })
        }),
        by_tenant("devices", "add", |it, store, tenant| {
            let added = Device { tenant: tenant.clone(), ..device(&it.admin) };
            Box::pin(async move {
                commits(store, add_device(&added)).await;
                !store.devices.devices(&it.tenant, it.admin.id).await.unwrap().is_empty()
            })
        }),
        by_tenant("devices", "use", |it, store, tenant| {
            let (tenant, identity, device) = (tenant.clone(), it.account.identity.id, it.device.id);
            let (client, at, trust) = (client("198.51.100.9"), at(99), None);
            let change = DeviceChange::Use { tenant, identity, device, client, at, trust };
            Box::pin(async move {
                commits(store, Change::Device(change)).await;
                store.devices.devices(&it.tenant, identity).await.unwrap().iter().any(|it| it.last_seen_at == at)
            })
        }),
        by_tenant("devices", "pin", |it, store, tenant| {
            let (tenant, identity, device) = (tenant.clone(), it.account.identity.id, it.device.id);
            let since = it.device.trust.expect("a trusted device").since;
            Box::pin(commits(store, Change::Device(DeviceChange::Pin { tenant, identity, device, since })))
        }),
        by_tenant("devices", "forget", |it, store, tenant| {
            let (tenant, identity, device) = (tenant.clone(), it.account.identity.id, it.device.id);
            Box::pin(commits(store, Change::Device(DeviceChange::Forget { tenant, identity, device })))
        }),
    ]
}
