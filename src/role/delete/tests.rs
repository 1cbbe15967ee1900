//! Tests of deleting a role.

use super::*;
use crate::{AssignRole, CreateRole, DeniedError, Grants, UserRef, stage::Stage};

fn role(name: &str, permissions: &[&str], parents: &[&str]) -> CreateRole {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let (tenant, description) = (TenantId::default(), String::new());
    CreateRole { tenant, name: name.to_owned(), description, permissions: owned(permissions), parents: owned(parents) }
}

fn delete(name: &str) -> DeleteRole {
    DeleteRole { tenant: TenantId::default(), name: name.to_owned(), expected: None }
}

#[tokio::test]
async fn a_role_in_use_stays_and_is_told_why() {
    let stage = Stage::new();
    let (kayan, root) = (&stage.kayan, Stage::operator());
    stage.person("ada@example.com").await;
    kayan.create_role(&root, role("base", &["orders:read"], &[])).await.unwrap();
    kayan.create_role(&root, role("editor", &[], &["base"])).await.unwrap();
    let inherited = kayan.delete_role(&root, delete("base")).await.unwrap_err();
    assert!(inherited.to_string().contains("`editor` inherits from it"), "{inherited}");
    let user = || UserRef("ada@example.com".to_owned());
    let give = |give| AssignRole { user: user(), role: "editor".to_owned(), give, expected: None };
    kayan.assign_role(&root, give(true)).await.unwrap();
    let had = kayan.delete_role(&root, delete("editor")).await.unwrap_err();
    assert!(matches!(had, DeleteRoleError::InUse(_)), "{had}");
    kayan.assign_role(&root, give(false)).await.unwrap();
    kayan.delete_role(&root, delete("editor")).await.unwrap();
    kayan.delete_role(&root, delete("base")).await.unwrap();
    let gone = kayan.delete_role(&root, delete("base")).await.unwrap_err();
    assert_eq!(gone, DefineRoleError::NotFound("base".to_owned()).into());
}

#[tokio::test]
async fn a_built_in_role_stays() {
    let stage = Stage::new();
    let refused = stage.kayan.delete_role(&Stage::operator(), delete("viewer")).await.unwrap_err();
    assert_eq!(refused, DefineRoleError::from(RoleError::BuiltIn("viewer".to_owned())).into());
    let listed = stage.kayan.list_roles(&Stage::operator(), &TenantId::default()).await.unwrap();
    assert_eq!(listed.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["admin", "operator", "viewer"]);
}

#[tokio::test]
async fn i_30_nobody_removes_a_role_that_grants_more_than_they_hold() {
    let stage = Stage::new();
    stage.kayan.create_role(&Stage::operator(), role("auditor", &["audit:*"], &[])).await.unwrap();
    let grants = Grants::direct(["roles:*".parse().unwrap()]);
    let clerk = Operator { grants, ..Stage::operator() };
    let refused = stage.kayan.delete_role(&clerk, delete("auditor")).await.unwrap_err();
    let denied = DeniedError::Forbidden("audit:*".parse().unwrap());
    assert_eq!(refused, DefineRoleError::from(denied).into());
}
