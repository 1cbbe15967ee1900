//! Tests of creating an admin token.

use kayan_ports::{Client, Outcome};

use super::*;
use crate::stage::Stage;

/// A token with a lifetime of an hour.
pub(crate) fn command(permissions: &[&str], tenant: Option<&str>) -> CreateAdminToken {
    CreateAdminToken {
        name: Some("deploy bot".to_owned()),
        permissions: permissions.iter().map(|text| text.parse().unwrap()).collect(),
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        ttl: Duration::from_hours(1),
    }
}

fn stage() -> Stage {
    let stage = Stage::new();
    stage.store.add_tenant("acme".parse().unwrap(), true);
    stage
}

/// An operator with these permissions, in that tenant.
fn operator(permissions: &[&str], tenant: Option<&str>) -> Operator {
    let scope = tenant.map_or(Scope::System, |tenant| Scope::Tenant(tenant.parse().unwrap()));
    let grants = Grants::direct(permissions.iter().map(|text| text.parse::<Pattern>().unwrap()));
    Operator { grants, ..Operator::at_the_command_line(scope) }
}

#[tokio::test]
async fn i_31_a_token_is_made_with_its_event_and_the_event_tells_no_token() {
    let stage = stage();
    let made =
        stage.kayan.create_admin_token(&Stage::operator(), command(&["users:read"], Some("acme"))).await.unwrap();
    let event = stage.store.events().pop().unwrap();
    assert_eq!(
        (event.kind, event.outcome, &*event.tenant.to_string()),
        (EventType::AdminAction, Outcome::Success, "acme")
    );
    assert_eq!(event.resource, Some(format!("token/{}", made.id)));
    let told = format!("{event:?}");
    assert!(told.contains("token.create") && told.contains("users:read") && told.contains("deploy bot"), "{told}");
    assert!(!told.contains("kya_") && !told.contains(&made.token.expose()[4..40]), "{told}");
}

#[tokio::test]
async fn i_30_no_token_gives_what_its_maker_does_not_hold() {
    let stage = stage();
    let boss = operator(&["roles:write", "users:read"], None);
    assert!(stage.kayan.create_admin_token(&boss, command(&["users:read"], None)).await.is_ok());
    for more in ["users:*", "users:write", "*"] {
        let refused = stage.kayan.create_admin_token(&boss, command(&["users:read", more], None)).await.unwrap_err();
        assert!(matches!(refused, CreateAdminTokenError::Denied(DeniedError::Forbidden(_))), "{more}: {refused:?}");
    }
    let reader = operator(&["users:read"], None);
    let refused = stage.kayan.create_admin_token(&reader, command(&["users:read"], None)).await.unwrap_err();
    assert_eq!(refused.to_string(), "this needs the permission `roles:write`, which you don't hold");
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Failure), 4, "a refusal is audited");
}

#[tokio::test]
async fn i_29_who_administers_one_tenant_makes_tokens_for_it_alone() {
    let stage = stage();
    let theirs = operator(&["*"], Some("acme"));
    let refused = stage.kayan.create_admin_token(&theirs, command(&["users:read"], Some("other"))).await.unwrap_err();
    assert_eq!(refused, CreateAdminTokenError::OtherTenant("acme".parse().unwrap()));
    let made = stage.kayan.create_admin_token(&theirs, command(&["users:read"], None)).await.unwrap();
    let who = stage.kayan.authenticate_admin_token(&made.token, Client::default(), None).await.unwrap();
    assert_eq!(who.scope, theirs.scope);
}

#[tokio::test]
async fn what_can_be_no_token_is_refused_with_its_reason() {
    let stage = stage();
    let try_it = async |change: &dyn Fn(&mut CreateAdminToken)| {
        let mut cmd = command(&["users:read"], None);
        change(&mut cmd);
        stage.kayan.create_admin_token(&Stage::operator(), cmd).await.unwrap_err().to_string()
    };
    let unknown = try_it(&|cmd| cmd.permissions.push("users:raed".parse().unwrap())).await;
    assert!(unknown.contains("`users:raed`") && unknown.contains("users:read, users:write"), "{unknown}");
    let nowhere = try_it(&|cmd| cmd.tenant = Some("nowhere".parse().unwrap())).await;
    assert_eq!(nowhere, "there is no active tenant `nowhere`");
    assert!(try_it(&|cmd| cmd.permissions.clear()).await.contains("1 to 32 permissions, not 0"));
    assert!(try_it(&|cmd| cmd.permissions = vec!["*".parse().unwrap(); 33]).await.contains("not 33"));
    for ttl in [Duration::ZERO, Duration::from_millis(999), Duration::from_hours(24 * 366 + 1), Duration::MAX] {
        assert!(try_it(&|cmd| cmd.ttl = ttl).await.contains("at least a second and at most 366 days"), "{ttl:?}");
    }
    for name in ["", "a\"b", "two\nlines", "ü", &"x".repeat(65)] {
        assert!(try_it(&|cmd| cmd.name = Some(name.to_owned())).await.contains("a token's name"), "{name}");
    }
    assert_eq!(stage.store.events().len(), 0);
}
