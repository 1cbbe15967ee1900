//! Devices: known by their token to each identity that has logged in from them.

use kayan_ports::{
    Change, Client, CommitError, Device, DeviceChange, DeviceId, Guard, Scope, SessionChange, Stores, TenantId,
    Timestamp, TokenHash, Trust,
};

use crate::{
    Bench,
    race::{MANY, race},
    sample::{Account, add_device, at, client, device, session, token, uuid},
};

const STALE: CommitError = CommitError::Stale(Guard::Device);

async fn anna_and_bert(bench: &dyn Bench) -> (Stores, Account, Account) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await;
    let bert = Account::register(&store, &tenant, "bert@example.org").await;
    (store, anna, bert)
}

async fn devices(store: &Stores, of: &Account) -> Vec<Device> {
    store.devices.devices(of.tenant(), of.identity.id).await.unwrap()
}

async fn recognised(store: &Stores, of: &Account, token: Option<&TokenHash>) -> Option<Device> {
    let found = store.credentials.login_candidate(of.tenant(), &of.name, &Client::default(), token).await;
    found.unwrap().unwrap().known.expect("an account").device
}

fn using(device: &Device, at: Timestamp, trust: Option<(TokenHash, Trust)>) -> Change {
    let (tenant, identity, client) = (device.tenant.clone(), device.identity, client("198.51.100.9"));
    Change::Device(DeviceChange::Use { tenant, identity, device: device.id, client, at, trust })
}

fn pin(device: &Device, since: Timestamp) -> Change {
    let (tenant, identity) = (device.tenant.clone(), device.identity);
    Change::Device(DeviceChange::Pin { tenant, identity, device: device.id, since })
}

fn forget(device: &Device) -> Change {
    let (tenant, identity) = (device.tenant.clone(), device.identity);
    Change::Device(DeviceChange::Forget { tenant, identity, device: device.id })
}

pub async fn devices_come_back_as_they_went_in_and_the_last_used_first(bench: &dyn Bench) {
    let (store, anna, bert) = anna_and_bert(bench).await;
    let trusted = device(&anna.identity);
    let plain = Device { client: Client::default(), trust: None, last_seen_at: at(60), ..device(&anna.identity) };
    store.changes.commit(vec![add_device(&trusted), add_device(&plain)]).await.unwrap();
    assert_eq!(devices(&store, &anna).await, vec![plain.clone(), trusted.clone()]);
    assert_eq!(devices(&store, &bert).await, Vec::new());
    store.changes.commit(vec![using(&trusted, at(61), None)]).await.unwrap();
    let used = Device { client: client("198.51.100.9"), last_seen_at: at(61), ..trusted };
    assert_eq!(devices(&store, &anna).await, vec![used, plain]);
}

pub async fn a_device_is_recognised_by_its_token_and_for_its_identity_alone(bench: &dyn Bench) {
    let (store, anna, bert) = anna_and_bert(bench).await;
    let hers = device(&anna.identity);
    store.changes.commit(vec![add_device(&hers)]).await.unwrap();
    assert_eq!(recognised(&store, &anna, Some(&hers.token)).await, Some(hers.clone()));
    assert_eq!(recognised(&store, &anna, Some(&token())).await, None);
    assert_eq!(recognised(&store, &anna, None).await, None);
    assert_eq!(recognised(&store, &bert, Some(&hers.token)).await, None);
    let his = Device { token: hers.token, ..device(&bert.identity) };
    store.changes.commit(vec![add_device(&his)]).await.unwrap();
    assert_eq!(recognised(&store, &bert, Some(&hers.token)).await, Some(his), "a browser of both");
    assert_eq!(recognised(&store, &anna, Some(&hers.token)).await, Some(hers));
}

pub async fn a_device_is_added_once_under_64_parallel_logins(bench: &dyn Bench) {
    let (store, anna, _) = anna_and_bert(bench).await;
    let token = token();
    let log_in = |_| {
        let opened = Change::Session(SessionChange::Open(Box::new(session(&anna.identity))));
        vec![opened, add_device(&Device { token, ..device(&anna.identity) })]
    };
    let outcomes = race(&store, (0..MANY).map(log_in).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(devices(&store, &anna).await.len(), 1);
}

pub async fn a_device_that_is_added_again_keeps_its_id_and_its_first_use(bench: &dyn Bench) {
    let (store, anna, _) = anna_and_bert(bench).await;
    let first = device(&anna.identity);
    let again = Device {
        token: first.token,
        client: client("198.51.100.9"),
        first_seen_at: at(90),
        last_seen_at: at(91),
        trust: None,
        ..device(&anna.identity)
    };
    store.changes.commit(vec![add_device(&first)]).await.unwrap();
    store.changes.commit(vec![add_device(&again)]).await.unwrap();
    let kept = Device { id: first.id, first_seen_at: first.first_seen_at, ..again };
    assert_eq!(devices(&store, &anna).await, vec![kept]);
}

pub async fn of_too_many_devices_the_least_recently_used_is_removed(bench: &dyn Bench) {
    let (store, anna, bert) = anna_and_bert(bench).await;
    let of = |account: &Account, second| Device { last_seen_at: at(second), ..device(&account.identity) };
    let his = of(&bert, 1);
    let (oldest, old, newest) = (of(&anna, 1), of(&anna, 2), of(&anna, 3));
    let add = |device: &Device| vec![Change::Device(DeviceChange::Add { device: Box::new(device.clone()), most: 2 })];
    for device in [&his, &old, &oldest, &newest] {
        store.changes.commit(add(device)).await.unwrap();
    }
    assert_eq!(devices(&store, &anna).await, vec![newest, old]);
    assert_eq!(devices(&store, &bert).await, vec![his]);
}

pub async fn a_forgotten_device_is_gone_and_is_forgotten_once(bench: &dyn Bench) {
    let (store, anna, bert) = anna_and_bert(bench).await;
    let (one, other) = (device(&anna.identity), device(&anna.identity));
    store.changes.commit(vec![add_device(&one), add_device(&other)]).await.unwrap();
    let by_bert = Device { identity: bert.identity.id, ..one.clone() };
    assert_eq!(store.changes.commit(vec![forget(&by_bert)]).await, Err(STALE), "another identity's");
    let unknown = Device { id: DeviceId(uuid()), ..one.clone() };
    assert_eq!(store.changes.commit(vec![forget(&unknown)]).await, Err(STALE));
    store.changes.commit(vec![forget(&one)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![forget(&one)]).await, Err(STALE));
    assert_eq!(devices(&store, &anna).await, vec![other]);
    assert_eq!(store.changes.commit(vec![using(&one, at(70), None)]).await, Ok(()), "noting has no guard");
    assert_eq!(devices(&store, &anna).await.len(), 1);
}

pub async fn a_device_is_trusted_under_a_new_token_until_sessions_are_revoked(bench: &dyn Bench) {
    let (store, anna, bert) = anna_and_bert(bench).await;
    let plain = |account: &Account| Device { trust: None, ..device(&account.identity) };
    let (hers, his) = (plain(&anna), plain(&bert));
    store.changes.commit(vec![add_device(&hers), add_device(&his)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![pin(&hers, at(70))]).await, Err(STALE), "not trusted yet");
    let (renewed, trust) = (token(), Trust { since: at(70), epoch: 7 });
    store.changes.commit(vec![using(&hers, at(70), Some((renewed, trust)))]).await.unwrap();
    store.changes.commit(vec![using(&his, at(70), Some((token(), trust)))]).await.unwrap();
    assert_eq!(recognised(&store, &anna, Some(&hers.token)).await, None, "by the token before");
    let found = recognised(&store, &anna, Some(&renewed)).await.expect("the device");
    assert_eq!((found.id, found.trust), (hers.id, Some(trust)));
    store.changes.commit(vec![using(&hers, at(80), None)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![pin(&hers, at(70))]).await, Ok(()), "its use leaves the trust");
    assert_eq!(store.changes.commit(vec![pin(&hers, at(71))]).await, Err(STALE), "since another time");

    let revoke = SessionChange::RevokeOf {
        scope: Scope::Tenant(anna.tenant().clone()),
        identity: anna.identity.id,
        except: Some(anna.session.id),
    };
    store.changes.commit(vec![Change::Session(revoke)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![pin(&hers, at(70))]).await, Err(STALE));
    assert_eq!(devices(&store, &anna).await[0].trust, None);
    assert_eq!(devices(&store, &bert).await[0].trust, Some(trust), "another identity's");
}
