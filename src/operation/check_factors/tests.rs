//! Tests of the checks of second factors.

use kayan_fakes::PlainCodes;
use kayan_ports::{Change, Clock as _, Commit as _, FactorChange, Sealed, TenantSettings};
use time::Duration;

use super::*;
use crate::{AssignRole, Caller, CreateRole, CreateTenant, EnrollTotp, UserRef, VerifyTotp, stage::Stage};

fn in_tenant(tenant: &str) -> Caller {
    Caller { tenant: tenant.parse().unwrap(), ..Stage::stranger() }
}

async fn person(stage: &Stage, tenant: &str, email: &str) -> Caller {
    let opened = stage.kayan.register(&in_tenant(tenant), Stage::registration(email)).await.unwrap();
    Caller { token: Some(opened.session_token.hash()), ..in_tenant(tenant) }
}

async fn with_app(stage: &Stage, caller: &Caller) {
    let app = stage.kayan.enroll_totp(caller, EnrollTotp { name: String::new(), mfa_token: None }).await.unwrap();
    let cmd = VerifyTotp { code: PlainCodes::code(&app, stage.clock.now()), mfa_token: None, trust_device: false };
    stage.kayan.verify_totp(caller, cmd).await.unwrap();
}

async fn add_tenant(stage: &Stage, id: &str, settings: TenantSettings) {
    let cmd = CreateTenant { id: id.parse().unwrap(), name: String::new(), settings };
    stage.kayan.create_tenant(&Stage::operator(), cmd).await.unwrap();
}

#[tokio::test]
async fn users_without_a_required_factor_are_counted_where_it_is_required_of_them() {
    let stage = Stage::new();
    let from = stage.clock.now() + Duration::HOUR;
    let later = TenantSettings { mfa_required: true, mfa_required_from: Some(from), ..TenantSettings::default() };
    let of_roles = TenantSettings { mfa_required_roles: Some(vec!["operator".to_owned()]), ..later.clone() };
    add_tenant(&stage, "acme", later).await;
    add_tenant(&stage, "some", of_roles).await;
    add_tenant(&stage, "plain", TenantSettings::default()).await;
    for tenant in ["acme", "some", "plain"] {
        for email in ["a@example.com", "b@example.com", "c@example.com"] {
            let caller = person(&stage, tenant, email).await;
            if email.starts_with('a') {
                with_app(&stage, &caller).await;
            }
        }
    }
    let found = stage.kayan.check_required_factors(20).await.unwrap();
    let told: Vec<_> = found.iter().map(|it| (it.tenant.as_str(), it.from, it.without)).collect();
    assert_eq!(told, [("acme", Some(from), 2), ("some", Some(from), 0)]);

    let role = CreateRole {
        tenant: "some".parse().unwrap(),
        name: "chief".to_owned(),
        description: String::new(),
        permissions: Vec::new(),
        parents: vec!["operator".to_owned()],
    };
    stage.kayan.create_role(&Stage::operator(), role).await.unwrap();
    let scope = kayan_ports::Scope::Tenant("some".parse().unwrap());
    let operator = crate::Operator::at_the_command_line(scope);
    for (email, role) in [
        ("a@example.com", "operator"),
        ("b@example.com", "operator"),
        ("b@example.com", "chief"),
        ("c@example.com", "chief"),
    ] {
        let cmd = AssignRole { user: UserRef(email.to_owned()), role: role.to_owned(), give: true, expected: None };
        stage.kayan.assign_role(&operator, cmd).await.unwrap();
    }
    stage.clock.advance(Duration::HOUR);
    let found = stage.kayan.check_required_factors(20).await.unwrap();
    assert_eq!((found[1].from, found[1].without), (None, 2), "by inheritance too, and each once: {found:?}");
    assert_eq!(stage.kayan.check_required_factors(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_required_role_that_is_gone_is_told() {
    let stage = Stage::new();
    add_tenant(&stage, "acme", TenantSettings::default()).await;
    // A role that another process deleted in the same moment.
    let mut tenant = stage.kayan.find_tenant(&Stage::operator(), &"acme".parse().unwrap()).await.unwrap();
    tenant.settings.mfa_required = true;
    tenant.settings.mfa_required_roles = Some(vec!["admin".to_owned(), "gone".to_owned()]);
    tenant.version += 1;
    let put = Change::Tenant(kayan_ports::TenantChange::Replace(Box::new(tenant)));
    stage.store.commit(vec![put]).await.unwrap();
    let found = stage.kayan.check_required_factors(20).await.unwrap();
    assert_eq!(found[0].unknown_roles, ["gone"]);
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_is_told_with_its_owner() {
    let stage = Stage::new();
    let caller = person(&stage, "default", "a@example.com").await;
    assert_eq!(stage.kayan.check_factor_secrets().await.unwrap(), CheckedSecrets::default());
    with_app(&stage, &caller).await;
    let app = stage.kayan.list_my_factors(&caller).await.unwrap().factors.remove(0);
    assert_eq!(stage.kayan.check_factor_secrets().await.unwrap().opened, 1);
    let moved = Factor {
        id: CredentialId(uuid::Uuid::max()),
        kind: FactorKind::Totp { secret: Sealed(vec![1; 49]), confirmed: false, last_step: 0 },
        ..app.clone()
    };
    stage.store.commit(vec![Change::Factor(FactorChange::Add(Box::new(moved.clone())))]).await.unwrap();
    let checked = stage.kayan.check_factor_secrets().await.unwrap();
    assert_eq!(checked, CheckedSecrets { opened: 1, damaged: vec![(moved.id, app.identity)] });
}
