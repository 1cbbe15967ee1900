//! Credentials: one password each, and none that was changed meanwhile opens anything.

use kayan_ports::{
    Change, Client, CommitError, Credential, CredentialChange, Guard, Lookup, PasswordHash, Scope, TenantId, Unique,
};

use crate::{
    Bench,
    sample::{Account, at, creation, identity, named, next_password, password},
    view::{self, View},
};

const STALE: CommitError = CommitError::Stale(Guard::Credential);

fn replacement(by: &Credential) -> Change {
    Change::Credential(CredentialChange::Replace(Box::new(by.clone())))
}

fn change(to: &Credential, former: Vec<PasswordHash>) -> Change {
    Change::Credential(CredentialChange::ChangePassword { credential: Box::new(to.clone()), former })
}

fn proof(by: &Credential) -> Change {
    Change::Credential(CredentialChange::Use {
        tenant: by.tenant.clone(),
        credential: by.id,
        version: by.version,
        at: at(50),
    })
}

pub async fn an_identity_has_one_password(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let second = Change::Credential(CredentialChange::Add(Box::new(password(&anna.identity))));
    assert_eq!(store.changes.commit(vec![second]).await, Err(CommitError::Conflict(Unique::Credential)));
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
}

pub async fn an_identity_without_a_password_gets_one(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = identity(&tenant);
    let name = named("email", "anna@example.org");
    store.changes.commit(vec![creation(&anna, vec![name.clone()])]).await.unwrap();
    assert_eq!(store.credentials.password(&Scope::System, anna.id).await, Ok(None));
    let password = password(&anna);
    store.changes.commit(vec![Change::Credential(CredentialChange::Add(Box::new(password.clone())))]).await.unwrap();
    assert_eq!(store.credentials.password(&Scope::System, anna.id).await, Ok(Some(password.clone())));
    let Lookup::Found(found) = view::login_candidate(&store, &tenant, &name.value, &Client::default()).await.unwrap()
    else {
        panic!("the login found no account")
    };
    assert_eq!(found.password, Some(password));
}

pub async fn an_absent_identity_gets_no_password(bench: &dyn Bench) {
    let store = bench.store();
    let nobody = identity(&TenantId::default());
    let outcome =
        store.changes.commit(vec![Change::Credential(CredentialChange::Add(Box::new(password(&nobody))))]).await;
    assert_eq!(outcome, Err(CommitError::Stale(Guard::Identity)));
    assert_eq!(store.credentials.password(&Scope::System, nobody.id).await, Ok(None));
}

pub async fn a_replaced_password_comes_back(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let new = next_password(&anna.password);
    store.changes.commit(vec![replacement(&new)]).await.unwrap();
    assert_eq!(store.credentials.password(&Scope::System, anna.identity.id).await, Ok(Some(new)));
}

pub async fn a_password_changed_meanwhile_is_not_overwritten(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let (first, second) = (next_password(&anna.password), next_password(&anna.password));
    store.changes.commit(vec![replacement(&first)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![replacement(&second)]).await, Err(STALE));
    let skipping = next_password(&next_password(&first));
    assert_eq!(store.changes.commit(vec![replacement(&skipping)]).await, Err(STALE));
    assert_eq!(store.credentials.password(&Scope::System, anna.identity.id).await, Ok(Some(first)));
}

pub async fn a_password_changed_meanwhile_opens_nothing(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    store.changes.commit(vec![replacement(&next_password(&anna.password))]).await.unwrap();
    let before = View::of(&store, &anna).await;
    let login = Account { session: crate::sample::session(&anna.identity), ..anna };
    assert_eq!(store.changes.commit(vec![login.login(), proof(&login.password)]).await, Err(STALE));
    assert_eq!(
        store.access_tokens.authenticated_session(login.tenant(), &login.session.token).await,
        Ok(Lookup::Absent)
    );
    assert_eq!(View::of(&store, &login).await.sessions, before.sessions);
}

pub async fn a_password_proves_its_owner_again_and_again(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    for _ in 0..3 {
        store.changes.commit(vec![proof(&anna.password)]).await.unwrap();
    }
    assert_eq!(View::of(&store, &anna).await, View::expected(&anna));
}

pub async fn former_passwords_are_kept_with_the_password_until_they_are_replaced(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let (whom, scope) = (anna.identity.id, Scope::from(anna.tenant()));
    let hash = |text: &str| PasswordHash::new(text.to_owned());
    assert_eq!(store.credentials.former_passwords(&scope, whom).await, Ok(vec![]));
    let second = next_password(&anna.password);
    let former = vec![anna.password.secret.clone(), PasswordHash::cutting("$2b$04$\"ä'\\")];
    store.changes.commit(vec![change(&second, former.clone())]).await.unwrap();
    assert_eq!(store.credentials.password(&scope, whom).await, Ok(Some(second.clone())));
    assert_eq!(store.credentials.former_passwords(&scope, whom).await, Ok(former.clone()));
    let again = store.changes.commit(vec![change(&second, vec![hash("other")])]).await;
    assert_eq!(again, Err(STALE), "the version before it is not current");
    // Hashed anew, it is the same password.
    let renewed = next_password(&second);
    store.changes.commit(vec![replacement(&renewed)]).await.unwrap();
    assert_eq!(store.credentials.former_passwords(&scope, whom).await, Ok(former));
    let many: Vec<_> = (0..24).map(|number| hash(&format!("$argon2id${}{number}", "x".repeat(200)))).collect();
    let third = next_password(&renewed);
    store.changes.commit(vec![change(&third, many.clone())]).await.unwrap();
    assert_eq!(store.credentials.former_passwords(&Scope::System, whom).await, Ok(many));
    store.changes.commit(vec![change(&next_password(&third), vec![])]).await.unwrap();
    assert_eq!(store.credentials.former_passwords(&scope, whom).await, Ok(vec![]));
    let nobody = identity(&TenantId::default());
    assert_eq!(store.credentials.former_passwords(&scope, nobody.id).await, Ok(vec![]));
}

pub async fn an_absent_password_proves_nothing(bench: &dyn Bench) {
    let store = bench.store();
    let absent = password(&identity(&TenantId::default()));
    assert_eq!(store.changes.commit(vec![proof(&absent)]).await, Err(STALE));
    assert_eq!(store.changes.commit(vec![replacement(&next_password(&absent))]).await, Err(STALE));
}
